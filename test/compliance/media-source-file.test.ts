import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createFileSource } from '../../src/app/shared/file-source.ts';
import type { MediaSource } from '../../src/xpmn/ports/media-source.ts';
import { describeMediaSource } from './media-source.suite.ts';

let folder: string;
let files = 0;
before(async () => (folder = await mkdtemp(join(tmpdir(), 'xpmn-file-source-'))));
after(() => rm(folder, { recursive: true }));

async function file(content: Buffer): Promise<{ path: string; source: MediaSource }> {
  const path = join(folder, `${(files += 1)}.mp4`);
  await writeFile(path, content);
  return { path, source: createFileSource(path, { type: 'video/mp4' }) };
}

describeMediaSource('file', {
  source: async (content) => (await file(content)).source,
  async truncated(content, count) {
    const { path, source } = await file(content);
    return {
      probe: (how) => source.probe(how),
      async open(how) {
        const media = await source.open(how);
        await truncate(path, count);
        return media;
      },
    };
  },
  missing: () => Promise.resolve(createFileSource(join(folder, 'missing.mp4'), { type: 'video/mp4' })),
});
