import assert from 'node:assert/strict';
import { isDeepStrictEqual } from 'node:util';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import type { MediaPlayer, PlayerSnapshot } from '../../src/xpmn/ports/media-player.ts';
import type { PlayerMedia } from '../../src/xpmn/ports/player-feed.ts';

/** The device itself: what somebody does at it, or it does by itself. What is missing, this device can't do. */
export interface DeviceHand {
  play(): Promise<void>;
  pause(): Promise<void>;
  stop(): Promise<void>;
  /** 0 to 100. */
  setVolume?(volume: number): Promise<void>;
  setMute?(mute: boolean): Promise<void>;
  /** Plays something that did not come through the player under test; answers what URL it will have, where that is known. */
  playOther(): Promise<string | undefined>;
  /** Plays a list of its own, of at least two, the first one now. */
  playList?(): Promise<void>;
  /** What plays reaches its end soon. */
  finish(): Promise<void>;
  /** The next `play` is refused. */
  refuse?(): Promise<void>;
  /** From now on it takes commands and never answers. */
  stall?(): Promise<void>;
  /** It is not there any more, and the adapter gets to know. */
  vanish(): Promise<void>;
}

/** One player of one device, and time that passes when it is told to. */
export interface MediaPlayerRig {
  readonly player: MediaPlayer;
  readonly hand: DeviceHand;
  /** Something playable, served where the player can fetch it; another one each time. */
  media(seconds: number): Promise<PlayerMedia>;
  /** As above, but there is nothing behind its URL. */
  missing(): Promise<PlayerMedia>;
  /** `Clock.monotonic` of the clock that the player under test has. */
  monotonic(): number;
  /** Lets at most `ms` milliseconds pass, in steps, until `condition` holds; tells whether it does. */
  pass(ms: number, condition?: () => boolean): Promise<boolean>;
  /** Ends all that it has begun. */
  close(): Promise<void>;
}

/** What the device can't do or does not tell. What it does all the same is not looked at. */
export interface MediaPlayerTraits {
  readonly volume?: false;
  readonly mute?: false;
  readonly preload?: false;
  /** It shows nothing of what was loaded before it plays. */
  readonly lazy?: true;
  /** Seconds by which a position may be wrong. */
  readonly tolerance?: number;
  /** Milliseconds within which what the device does shows. */
  readonly soon?: number;
}

const signal = new AbortController().signal;
const CANT_PLAY: readonly ErrorCode[] = ['origin-unreachable', 'unsupported-type', 'not-found'];

/** The contract of xpmn/ports/media-player.ts. */
export function describeMediaPlayer(name: string, setup: () => Promise<MediaPlayerRig>, traits: MediaPlayerTraits = {}): void {
  describe(`media player: ${name}`, function () {
    this.timeout(60_000);
    const { soon = 8000, tolerance = 1 } = traits;
    let rig: MediaPlayerRig;
    let player: MediaPlayer;
    let hand: DeviceHand;
    let told: PlayerSnapshot[];
    let ended: string[];
    let unwatch: () => void;

    beforeEach(async () => {
      rig = await setup();
      ({ player, hand } = rig);
      [told, ended] = [[], []];
      player.on('changed', (snapshot) => told.push(snapshot));
      player.on('ended', (url) => ended.push(url));
      unwatch = player.watched();
    });

    afterEach(async () => {
      unwatch();
      await rig.close();
    });

    const until = async (what: string, condition: () => boolean, bound = soon): Promise<void> => {
      assert.ok(await rig.pass(bound, condition), `not so within ${bound} ms: ${what}; it is ${describeState(player.snapshot)}`);
    };
    const becomes = (state: PlayerSnapshot['state']): Promise<void> => until(state, () => player.snapshot.state === state);
    const here = (): number | undefined => positionAt(player.snapshot, rig.monotonic());
    const isNear = (position: number): boolean => Math.abs((here() ?? NaN) - position) <= tolerance;
    const plays = (media: PlayerMedia): boolean => player.snapshot.state === 'playing' && player.snapshot.media?.url === media.url;
    const playing = async (seconds = 60): Promise<PlayerMedia> => {
      const media = await rig.media(seconds);
      await player.load(media, { signal });
      await player.play({ signal });
      await until('it plays what was loaded', () => plays(media));
      return media;
    };
    const rejects = (promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> =>
      assert.rejects(promise, (error) => error instanceof XpmnError && (assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`), true));

    it('plays nothing at first, and says how it is to be fed', () => {
      assert.ok(['idle', 'stopped'].includes(player.snapshot.state), player.snapshot.state);
      assert.equal(typeof player.feed.profile.dlnaAlways, 'boolean');
      assert.match(player.feed.address ?? '127.0.0.1', /^[\d.]+$|:/);
    });

    it('plays what was loaded, and not before it is told to', async () => {
      const media = await rig.media(60);
      await player.load(media, { signal });
      await rig.pass(500);
      assert.ok(['idle', 'stopped'].includes(player.snapshot.state), player.snapshot.state);
      if (!traits.lazy) assert.equal(player.snapshot.media?.url, media.url);
      await player.play({ signal });
      await until('it plays', () => plays(media));
      assert.equal(player.snapshot.problem, undefined);
      await until('the length is known', () => Math.abs((player.snapshot.media?.duration ?? NaN) - 60) <= 1);
    });

    it('tells what happens, each thing once, and no plain progress', async () => {
      await playing();
      await rig.pass(3000);
      const count = told.length;
      await rig.pass(3000);
      assert.equal(told.length, count);
      await player.pause({ signal });
      await becomes('paused');
      assert.equal(told.at(-1)?.state, 'paused');
      for (const [i, snapshot] of told.entries()) assert.ok(i === 0 || isNews(told[i - 1] as PlayerSnapshot, snapshot, tolerance), `${i}: ${describeState(snapshot)}`);
      assert.deepEqual(told.at(-1), player.snapshot);
    });

    it('says where it is', async () => {
      await playing();
      await until('the position is known', () => here() !== undefined);
      const [from, began] = [here() as number, rig.monotonic()];
      await rig.pass(4000);
      const passed = (rig.monotonic() - began) / 1000;
      assert.ok(Math.abs((here() as number) - from - passed) <= tolerance, `from ${from} to ${here()} in ${passed} s`);
      assert.ok(player.snapshot.measured <= rig.monotonic());
    });

    it('pauses, and goes on from there', async () => {
      await playing();
      await rig.pass(3000);
      await player.pause({ signal });
      await becomes('paused');
      const position = here() as number;
      await rig.pass(3000);
      assert.ok(isNear(position), `${here()} instead of ${position}`);
      await player.play({ signal });
      await becomes('playing');
      assert.ok(isNear(position), `${here()} instead of ${position}`);
    });

    it('stops, and begins anew', async () => {
      const media = await playing();
      await rig.pass(3000);
      await player.stop({ signal });
      await until('it has stopped', () => ['stopped', 'idle'].includes(player.snapshot.state));
      await rig.pass(1000);
      assert.deepEqual(ended, [], 'stopped is not ended');
      await player.load(media, { signal });
      await player.play({ signal });
      await until('it plays', () => plays(media));
      assert.ok(isNear(0), `at ${here()}`);
    });

    it('does no harm by pause and stop where there is nothing to do', async () => {
      await player.stop({ signal });
      await player.pause({ signal });
      await playing();
      for (const name of ['pause', 'pause', 'stop', 'stop'] as const) await player[name]({ signal });
      await until('it has stopped', () => ['stopped', 'idle'].includes(player.snapshot.state));
    });

    it('goes to another place while it plays, and tells', async () => {
      await playing();
      const count = told.length;
      await player.seek(40, { signal });
      await until('it is there', () => isNear(40) && told.length > count);
      assert.equal(player.snapshot.state, 'playing');
      await player.seek(5, { signal });
      await until('it is back', () => isNear(5));
    });

    it('goes to another place while it is paused, and stays so', async () => {
      await playing();
      await player.pause({ signal });
      await becomes('paused');
      await player.seek(30, { signal });
      await until('it is there', () => isNear(30));
      assert.equal(player.snapshot.state, 'paused');
    });

    it('tells that it has come to the end, once', async () => {
      const media = await playing();
      await hand.finish();
      await until('it has ended', () => ended.length > 0, soon + 60_000);
      await rig.pass(2000);
      assert.deepEqual(ended, [media.url]);
      assert.notEqual(player.snapshot.state, 'playing');
    });

    it('plays something else in its place, and the first has not ended', async () => {
      const first = await playing();
      const second = await playing();
      assert.notEqual(first.url, second.url);
      await rig.pass(1000);
      assert.deepEqual(ended, []);
      await hand.finish();
      await until('the second has ended', () => ended.length > 0, soon + 60_000);
      assert.deepEqual(ended, [second.url]);
    });

    if (traits.preload !== false) {
      it('goes on with what follows, without an end', async () => {
        assert.ok(player.preload);
        await playing();
        const second = await rig.media(60);
        await player.preload(second, { signal });
        await hand.finish();
        await until('the second plays', () => plays(second), soon + 60_000);
        assert.deepEqual(ended, []);
        assert.ok(told.some((snapshot) => snapshot.media?.url === second.url));
      });

      it('does not go on with what was taken back', async () => {
        const first = await playing();
        const second = await rig.media(60);
        await player.preload?.(second, { signal });
        await player.preload?.(undefined, { signal });
        await hand.finish();
        await until('it has ended', () => ended.length > 0, soon + 60_000);
        await rig.pass(1000);
        assert.deepEqual(ended, [first.url]);
        assert.ok(!plays(second));
      });
    }

    if (traits.volume !== false) {
      it('sets the volume, and tells once; the same again is no news', async () => {
        await playing();
        await player.setVolume(60, { signal });
        await until('it is 60', () => player.snapshot.volume === 60);
        await player.setVolume(25, { signal });
        await until('it is 25', () => player.snapshot.volume === 25);
        await rig.pass(1000);
        const count = told.length;
        await player.setVolume(25, { signal });
        await rig.pass(1000);
        assert.equal(told.length, count);
        assert.equal(told.at(-1)?.volume, 25);
      });

      it('shows what volume was set at the device', async () => {
        await playing();
        await hand.setVolume?.(40);
        await until('it is 40', () => player.snapshot.volume === 40 && told.at(-1)?.volume === 40);
      });
    }

    if (traits.mute !== false) {
      it('is muted and heard again, from either side', async () => {
        await playing();
        for (const mute of [true, false]) {
          await player.setMute(mute, { signal });
          await until(`mute is ${mute}`, () => player.snapshot.mute === mute);
        }
        await hand.setMute?.(true);
        await until('it was muted', () => player.snapshot.mute === true && told.at(-1)?.mute === true);
      });
    }

    it('shows what was done at the device', async () => {
      await playing();
      await hand.pause();
      await becomes('paused');
      await hand.play();
      await becomes('playing');
      await hand.stop();
      await until('it has stopped', () => ['stopped', 'idle'].includes(player.snapshot.state));
      await rig.pass(1000);
      assert.deepEqual(ended, []);
    });

    it('shows what somebody else plays on it', async () => {
      const media = await playing();
      const url = await hand.playOther();
      await until('it plays something else', () => player.snapshot.state === 'playing' && player.snapshot.media?.url !== media.url);
      if (url !== undefined) assert.equal(player.snapshot.media?.url, url);
      assert.deepEqual(ended, [], 'replaced is not ended');
    });

    it('goes through a list of its own, where it has one', async () => {
      if (!hand.playList) {
        await playing();
        assert.equal(player.snapshot.abilities.next, false);
        await rejects(player.next({ signal }), 'not-supported');
        await rejects(player.previous({ signal }), 'not-supported');
        return;
      }
      await hand.playList();
      await until('it can go on', () => player.snapshot.state === 'playing' && player.snapshot.abilities.next);
      const first = player.snapshot.media?.url;
      await player.next({ signal });
      await until('the second plays', () => player.snapshot.media?.url !== first && player.snapshot.state === 'playing');
      await player.previous({ signal });
      await until('the first plays', () => player.snapshot.media?.url === first);
    });

    it('says that it can\'t play what is not there', async () => {
      const media = await rig.missing();
      const failure = await (async () => {
        await player.load(media, { signal });
        await player.play({ signal });
      })().then(() => undefined, (error: unknown) => error);
      if (failure === undefined) await until('it says so', () => player.snapshot.problem !== undefined, soon + 30_000);
      const error = failure ?? player.snapshot.problem;
      assert.ok(error instanceof XpmnError && CANT_PLAY.includes(error.code), String(error));
      await playing();
      assert.equal(player.snapshot.problem, undefined, 'the next one is another matter');
    });

    it('refuses what makes no sense now', async () => {
      await rejects(player.play({ signal }), 'unexpected-request');
      await rejects(player.seek(10, { signal }), 'unexpected-request', 'not-seekable');
      await playing();
      await rejects(player.seek(1000, { signal }), 'not-acceptable');
    });

    it('swallows no refusal', async () => {
      const media = await rig.media(60);
      await player.load(media, { signal });
      await hand.refuse?.();
      if (hand.refuse) await assert.rejects(player.play({ signal }), XpmnError);
      await player.play({ signal });
      await until('it plays', () => plays(media));
    });

    it('gives up when it is told to, before and during', async () => {
      const reason = new XpmnError('aborted', 'Enough.');
      const media = await rig.media(60);
      const given = AbortSignal.abort(reason);
      for (const command of [() => player.load(media, { signal: given }), () => player.play({ signal: given }), () => player.stop({ signal: given })]) {
        await assert.rejects(command, (error) => error === reason);
      }
      if (!hand.stall) return;
      await player.load(media, { signal });
      await hand.stall();
      const abort = new AbortController();
      const waiting = assert.rejects(player.play({ signal: abort.signal }), (error) => error === reason);
      await rig.pass(100);
      abort.abort(reason);
      await waiting;
    });

    it('is unreachable once its device has gone, and says nothing any more', async () => {
      const media = await playing();
      await hand.vanish();
      await rig.pass(500);
      const count = told.length;
      for (const command of [() => player.play({ signal }), () => player.load(media, { signal }), () => player.stop({ signal })]) await rejects(command(), 'unreachable');
      await rig.pass(5000);
      assert.deepEqual([told.length, ended.length], [count, 0]);
    });

    it('may be watched by many, and let go twice', async () => {
      const [one, other] = [player.watched(), player.watched()];
      one();
      one();
      await playing();
      await hand.pause();
      await becomes('paused');
      other();
    });
  });
}

/** Where a player is by now. */
export function positionAt({ state, position, measured, speed, media }: PlayerSnapshot, monotonic: number): number | undefined {
  if (position === undefined || state !== 'playing') return position;
  return Math.min(position + (speed * (monotonic - measured)) / 1000, media?.duration ?? Infinity);
}

function isNews(before: PlayerSnapshot, now: PlayerSnapshot, tolerance: number): boolean {
  const [then, rest] = [before, now].map((snapshot) => ({ ...snapshot, position: 0, measured: 0 }));
  if (!isDeepStrictEqual(then, rest)) return true;
  const [expected, position] = [positionAt(before, now.measured), now.position];
  return expected === undefined || position === undefined ? expected !== position : Math.abs(expected - position) > Math.min(tolerance, 0.5);
}

function describeState({ state, media, position, problem }: PlayerSnapshot): string {
  return `${state} at ${position} of ${media?.url}${problem ? ` (${problem.code})` : ''}`;
}
