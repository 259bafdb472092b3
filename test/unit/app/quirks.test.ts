import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadQuirks, parseQuirks } from '../../../src/app/quirks.ts';
import { quirksFor } from '../../../src/upnp/quirks.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { LogFields, Logger } from '../../../src/xpmn/kernel/log.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';

const GOOD = '{"quirks": [{"why": "x", "match": {"model": "Lute"}, "poll": "always"}]}';

describe('files of quirks', () => {
  let folder: string;
  let warnings: LogFields[];
  const log: Logger = { ...silentLogger, warn: (_, fields) => void warnings.push(fields ?? {}) };

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'xpmn-quirks-'));
    warnings = [];
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  it('are read, without what is for people', () => {
    assert.deepEqual(parseQuirks(`\ufeff${GOOD}`, 'f.json'), [{ match: { model: 'Lute' }, poll: 'always' }]);
    assert.deepEqual(parseQuirks('{"quirks": []}', 'f.json'), []);
  });

  const WRONG: Readonly<Record<string, readonly [text: string, says: RegExp]>> = {
    'no JSON': ['{', /f\.json is not JSON/],
    'no list': ['{}', /f\.json: the file must have required property 'quirks'/],
    'an unknown word': ['{"quirks": [{"match": {"model": "x"}, "pol": "always"}]}', /there is no `pol` in `quirks\.0`/],
    'nothing to match': ['{"quirks": [{"match": {}}]}', /`quirks\.0\.match`/],
    'an unknown choice': ['{"quirks": [{"match": {"model": "x"}, "metadata": "some"}]}', /`quirks\.0\.metadata` .*: full, minimal, none/],
    'a header in a MIME type': ['{"quirks": [{"match": {"model": "x"}, "feed": {"mimeTypes": {"a/b": "c/d\\r\\nX: y"}}}]}', /mimeTypes/],
    'a prototype': ['{"quirks": [{"match": {"model": "x"}, "feed": {"mimeTypes": {"__proto__": "c/d"}}}]}', /mimeTypes/],
    'something else': ['[]', /must be object/],
  };
  for (const [name, [text, says]] of Object.entries(WRONG)) {
    it(`are refused with ${name}, and say why`, () => {
      assert.throws(() => parseQuirks(text, 'f.json'), (error) => error instanceof XpmnError && error.code === 'bad-configuration' && says.test(error.message));
    });
  }

  it('that are shipped are all right, and fit what they are for', async () => {
    const shipped = await loadQuirks({ folders: [], log });
    assert.deepEqual(warnings, []);
    const television = quirksFor({ manufacturer: 'Samsung Electronics', modelName: 'UE55', friendlyName: 'TV' }, shipped);
    assert.equal(television.feed?.mimeTypes?.['video/x-matroska'], 'video/x-mkv');
    assert.deepEqual(quirksFor({ manufacturer: 'Verona', modelName: 'Lute', friendlyName: 'Kitchen' }, shipped), {});
  });

  it('are read no further than they may be long, and no pipe is waited for', async () => {
    await writeFile(join(folder, 'a.json'), `${GOOD}${' '.repeat(262_144 - GOOD.length)}`);
    // A hole: nobody's disk or memory has room for that.
    await writeFile(join(folder, 'b.json'), '');
    await truncate(join(folder, 'b.json'), 2 ** 40);
    execFileSync('mkfifo', [join(folder, 'c.json')]);
    const all = await loadQuirks({ folders: [folder], log });
    assert.deepEqual(all.at(-1), { match: { model: 'Lute' }, poll: 'always' });
    assert.deepEqual(warnings.map(({ reason }) => /larger than 262144 bytes|no file/.exec(String(reason))?.[0]), ['larger than 262144 bytes', 'no file']);
  });

  it('of the user come last; one that is wrong is a warning, and costs nothing else', async () => {
    await writeFile(join(folder, 'b.json'), GOOD);
    await writeFile(join(folder, 'a.json'), '{"quirks": 7}');
    await writeFile(join(folder, 'c.json'), 'x'.repeat(300_000));
    await writeFile(join(folder, 'notes.txt'), 'nothing of ours');
    await mkdir(join(folder, 'd.json'));
    const all = await loadQuirks({ folders: [folder, join(folder, 'missing')], log });
    assert.deepEqual(all.at(-1), { match: { model: 'Lute' }, poll: 'always' });
    assert.deepEqual(warnings.map(({ file }) => file), ['a.json', 'c.json', 'd.json'].map((name) => join(folder, name)));
    assert.match(String(warnings[0]?.reason), /must be array/);
  });
});
