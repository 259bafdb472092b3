import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { Picture } from '../../src/xpmn/model/picture.ts';
import { somePicture } from '../support/pictures.ts';
import type { DeviceHand, MediaPlayerRig } from './media-player.suite.ts';

export interface PictureHand extends DeviceHand {
  /** Plays something that has this picture; another one each time. */
  showPicture(picture: Picture): Promise<void>;
}

const signal = new AbortController().signal;
/** What nobody gets, whatever is asked for. */
const ELSE = ['', 'file:///etc/hostname', '/etc/hostname', 'other'];

/** What the contract of xpmn/ports/media-player.ts says of pictures, for players that have some. */
export function describePlayerPicture(name: string, setup: () => Promise<MediaPlayerRig & { readonly hand: PictureHand }>): void {
  it(`${name}: has the picture of what it plays, under a name that says nothing of where it lies, and no other`, async () => {
    const { player, hand, pass, close } = await setup();
    const load = async (picture: string, within = signal): Promise<Picture | undefined> => player.picture?.(picture, { signal: within });
    const names: string[] = [];
    for (const other of ELSE) await assert.rejects(load(other), { code: 'not-found' });
    for (const picture of [somePicture(), somePicture('image/png')]) {
      await hand.showPicture(picture);
      assert.ok(await pass(8_000, () => player.snapshot.media?.picture !== undefined && player.snapshot.media.picture !== names.at(-1)), 'it shows another');
      const shown = player.snapshot.media?.picture as string;
      assert.match(shown, /^[\w-]{1,64}$/);
      assert.deepEqual(await load(shown), picture);
      for (const other of [...ELSE, ...names]) await assert.rejects(load(other), { code: 'not-found' });
      await assert.rejects(load(shown, AbortSignal.abort(new Error('enough'))), { message: 'enough' });
      names.push(shown);
    }
    await hand.vanish();
    await assert.rejects(load(names.at(-1) as string), (error) => error instanceof XpmnError && ['not-found', 'unreachable'].includes(error.code), 'nor once it is gone');
    await close();
  });
}
