import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import type { Picture } from '../../src/xpmn/model/picture.ts';
import type { PictureLoader } from '../../src/xpmn/ports/picture-loader.ts';

export interface PictureLoaderRig {
  readonly loader: PictureLoader;
  readonly good: ReadonlyMap<string, Picture>;
  /** What can't be had, by why not. */
  readonly bad: ReadonlyMap<string, readonly ErrorCode[]>;
  close(): Promise<void>;
}

const signal = new AbortController().signal;

/** The contract of ports/picture-loader.ts. */
export function describePictureLoader(name: string, setup: () => Promise<PictureLoaderRig>): void {
  describe(`picture loader: ${name}`, () => {
    let rig: PictureLoaderRig;
    beforeEach(async () => (rig = await setup()));
    afterEach(() => rig.close());

    it('has the bytes, and what they are', async () => {
      for (const [url, picture] of rig.good) assert.deepEqual(await rig.loader.load(url, { signal }), picture, url.slice(0, 80));
    });

    it('says why it has them not', async () => {
      for (const [url, codes] of rig.bad) {
        await assert.rejects(rig.loader.load(url, { signal }), (error) => error instanceof XpmnError && codes.includes(error.code), url.slice(0, 80));
      }
    });

    it('gives up when it is told to, before and during', async () => {
      const reason = new XpmnError('aborted', 'Nobody looks any more.');
      const abort = new AbortController();
      const [url] = rig.good.keys();
      const loading = rig.loader.load(url as string, { signal: abort.signal });
      abort.abort(reason);
      await assert.rejects(loading, reason);
      await assert.rejects(rig.loader.load(url as string, { signal: abort.signal }), reason);
    });
  });
}
