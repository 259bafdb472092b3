import assert from 'node:assert/strict';
import fc from 'fast-check';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { PlaybackStatus, PlayingItem } from '../../../src/xpmn/model/playback.ts';
import { settle } from '../../support/fake-clock.ts';
import { playbackRig } from '../../support/playback-rig.ts';
import type { PlayerPlay } from '../../support/playback-rig.ts';

const by = parseJid('romeo@montague.lit/orchard');
const COMMANDS = ['load', 'preload', 'play', 'pause', 'stop', 'seek', 'setVolume'] as const;
const CODES: readonly ErrorCode[] = ['origin-unreachable', 'unsupported-type', 'unreachable', 'timeout', 'not-acceptable', 'unexpected-request'];

type Step = (play: PlayerPlay, uris: readonly string[]) => Promise<unknown> | void;

/** Commands of two controllers, some given up; what others do at the player; what goes wrong; and time. */
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ first: fc.nat(7), count: fc.integer({ min: 1, max: 4 }), autoplay: fc.boolean(), position: fc.option(fc.constantFrom(0, 3, 20), { nil: undefined }), patience: fc.constantFrom(1, 1e6) })
    .map(({ first, count, autoplay, position, patience }): Step => ({ control, clock }, uris) => {
      const abort = new AbortController();
      clock.after(patience, () => abort.abort(new XpmnError('aborted', 'Enough.')));
      return control.open({ uris: uris.slice(first, first + count), autoplay, position }, { by, signal: abort.signal });
    }),
  fc.constantFrom('play', 'pause', 'stop', 'next', 'previous', 'close').map((name): Step => ({ control }) => control[name as 'play']({ by, signal: new AbortController().signal })),
  fc.oneof(fc.record({ position: fc.integer({ min: -5, max: 60 }) }), fc.record({ offset: fc.integer({ min: -60, max: 60 }) }), fc.record({ percent: fc.integer({ min: -5, max: 105 }) }))
    .map((target): Step => ({ control }) => control.seek(target, { by, signal: new AbortController().signal })),
  fc.integer({ min: -1, max: 4 }).map((index): Step => ({ control }) => control.jump(index, { by, signal: new AbortController().signal })),
  fc.integer({ min: -1, max: 101 }).map((value): Step => ({ control }) => control.setVariables([{ name: 'volume', value }], { by, signal: new AbortController().signal })),
  fc.constantFrom('play', 'pause', 'stop', 'finish', 'recover').map((name): Step => ({ player }) => {
    try {
      player.hand[name as 'play']();
    } catch (error) {
      assert.ok(error instanceof XpmnError, 'the player itself refuses what it can\'t play');
    }
  }),
  fc.integer({ min: 0, max: 30 }).map((position): Step => ({ player }) => (player.snapshot.media ? player.hand.seek(position) : undefined)),
  fc.constantFrom(...CODES).map((code): Step => ({ player }) => player.hand.trouble(code)),
  fc.constant<Step>(({ player }) => player.hand.playOther({ url: 'http://192.0.2.9/other.mp3', title: 'Theirs', duration: 40 })),
  fc.tuple(fc.constantFrom(...COMMANDS), fc.constantFrom(...CODES)).map(([command, code]): Step => ({ player }) => player.hand.refuse(command, code)),
  fc.constantFrom(0, 10, 700, 5000, 31_000, 100_000).map((ms): Step => ({ clock }) => clock.advance(ms)),
);

interface Told {
  readonly status: PlaybackStatus;
  readonly at: number;
}

function check(statuses: readonly Told[], items: readonly (PlayingItem | undefined)[]): void {
  for (const [i, { status, at }] of statuses.entries()) {
    const before = statuses[i - 1];
    if (before) assert.notDeepEqual(status, later(before, at), 'what follows from what was told is told again');
    inBounds(status);
  }
  for (const [i, item] of items.entries()) if (i > 0) assert.notDeepEqual(item, items[i - 1], 'the same item twice');
}

/** How it is at `at` if nothing has happened since. */
function later({ status, at: told }: Told, at: number): PlaybackStatus {
  const { state, position, speed, duration } = status;
  if (state !== 'playing' || position === undefined) return status;
  return { ...status, position: Math.min(position + (speed * (at - told)) / 1000, duration ?? Infinity) };
}

function inBounds({ state, position, duration, index, count, session, error }: PlaybackStatus): void {
  assert.ok(position === undefined || (position >= 0 && position <= (duration ?? Infinity)), `${position} of ${duration}`);
  assert.equal(error !== undefined, state === 'error');
  assert.ok(session === undefined ? index === undefined && count === undefined : index !== undefined && count !== undefined && index >= 0 && index < count, `${index} of ${count}`);
}

describe('playback, whatever happens', () => {
  it('keeps to its states, its bounds and its errors, and ends cleanly', async function () {
    this.timeout(120_000);
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 25 }), fc.boolean(), fc.constantFrom(0, 400), async (steps, isSimple, buffering) => {
      const play = playbackRig({ preload: !isSimple, lazy: isSimple, buffering });
      const { control, player, clock } = play;
      const uris = [play.title(10), play.title(50), play.missing(), play.title(undefined), play.playlist([play.title(5), play.missing(), play.title(15)]), play.endless(), play.title(30), play.title(30)];
      const spoilt = play.title(20);
      player.hand.spoil(play.feed.title(spoilt, 20), 'unsupported-type', isSimple ? 'reject' : 'problem');
      const [statuses, items, failures]: [Told[], (PlayingItem | undefined)[], unknown[]] = [[], [], []];
      control.on('status', (status) => statuses.push({ status, at: clock.monotonic() }));
      control.on('item', (item) => items.push(item));
      const running: Promise<unknown>[] = [];
      for (const one of steps) {
        const result = one(play, [...uris, spoilt]);
        running.push(Promise.resolve(result).catch((error: unknown) => failures.push(error)));
        await settle(1);
        inBounds(control.status);
      }
      await clock.advance(400_000);
      await Promise.all(running);
      for (const error of failures) assert.ok(error instanceof XpmnError, String(error instanceof Error ? error.stack : error));
      check(statuses, items);
      const { position: _, ...told } = statuses.at(-1)?.status ?? control.status;
      const { position: _now, ...now } = control.status;
      assert.deepEqual(told, now, 'what was told last is how it is');
      await control.end();
      player.hand.vanish();
      await clock.advance(2_000_000);
      assert.deepEqual([clock.pending, player.watchers, player.listenerCount('changed'), player.listenerCount('ended')], [0, 0, 0, 0]);
    }), { numRuns: Number(process.env['PLAYBACK_RUNS'] ?? 300) });
  });

  it('can be stopped, and plays what is opened next, on a player that does what it was told though nobody waits for it', async function () {
    this.timeout(120_000);
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), fc.constantFrom(0, 400), fc.constantFrom(1, 60, 900), async (steps, buffering, answersIn) => {
      const play = playbackRig({ buffering, answersIn });
      const { control, player, clock } = play;
      const uris = Array.from({ length: 8 }, (_, i) => play.title(10 * (i + 1)));
      const call = (): Parameters<typeof control.stop>[0] => ({ by, signal: new AbortController().signal });
      const running: Promise<unknown>[] = [];
      for (const one of steps) {
        running.push(Promise.resolve(one(play, uris)).catch(() => undefined));
        await clock.advance(50);
      }
      player.hand.forgive();
      const stopped = control.stop(call());
      await clock.advance(20_000);
      await stopped;
      assert.ok(['stopped', 'idle'].includes(player.snapshot.state), player.snapshot.state);
      const opened = control.open({ uris: uris.slice(4, 6), autoplay: true }, call());
      await clock.advance(20_000);
      await opened;
      assert.deepEqual([control.status.state, control.status.uri, player.snapshot.state], ['playing', uris[4], 'playing']);
      await clock.advance(50_000);
      assert.deepEqual([control.status.state, control.status.uri, player.snapshot.state], ['playing', uris[5], 'playing']);
      await clock.advance(400_000);
      await Promise.all(running);
      await control.end();
    }), { numRuns: Number(process.env['PLAYBACK_RUNS'] ?? 200) });
  });
});
