import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { PlaybackStatus, PlayingItem } from '../../src/xpmn/model/playback.ts';
import type { OpenRequest, OpenedList, PlaybackCall, PlaybackControl } from '../../src/xpmn/ports/playback-control.ts';
import { describeControlVariables } from './control-variables.suite.ts';

/** What happens at the player itself. */
export interface PlaybackHand {
  pause(): void;
  stop(): void;
  setVolume(volume: number): void;
  setMute(mute: boolean): void;
  /** Somebody else plays something on it. */
  playOther(title: string): void;
  /** What plays reaches its end. */
  finish(): void;
  /** The next `play` is refused. */
  refusePlay(code: ErrorCode): void;
  /** It can't be reached, for a while. */
  trouble(): void;
  recover(): void;
}

/** One player under control, things to play, and time that passes when it is told to. */
export interface PlaybackRig {
  readonly control: PlaybackControl;
  readonly hand: PlaybackHand;
  /** A URI of something playable; another one each time. Live if it has no length. */
  title(seconds: number | undefined): string;
  /** A URI of a list of these. */
  playlist(uris: readonly string[]): string;
  /** A URI of nothing. */
  missing(): string;
  /** A URI of something that never arrives. */
  endless(): string;
  pass(ms: number, condition?: () => boolean): Promise<boolean>;
  close(): Promise<void>;
}

const BY = parseJid('romeo@montague.lit/orchard');
const OTHER = parseJid('juliet@capulet.lit/balcony');

/** The contract of xpmn/ports/playback-control.ts. */
export function describePlaybackControl(name: string, setup: () => Promise<PlaybackRig>): void {
  describe(`playback control: ${name}`, () => {
    let rig: PlaybackRig;
    let control: PlaybackControl;
    let told: PlaybackStatus[];
    let items: (PlayingItem | undefined)[];

    beforeEach(async () => {
      rig = await setup();
      ({ control } = rig);
      [told, items] = [[], []];
      control.on('status', (status) => told.push(status));
      control.on('item', (item) => items.push(item));
    });

    afterEach(() => rig.close());

    const call = (more: Partial<PlaybackCall> = {}): PlaybackCall => ({ by: BY, signal: new AbortController().signal, ...more });
    const until = async (what: string, condition: () => boolean): Promise<void> => {
      assert.ok(await rig.pass(10_000, condition), `not so: ${what}; it is ${control.status.state} at ${control.status.position} of ${control.status.uri}`);
    };
    const becomes = (state: PlaybackStatus['state']): Promise<void> => until(state, () => control.status.state === state);
    const open = (uris: readonly string[], more: Partial<OpenRequest> = {}): Promise<OpenedList> => control.open({ uris, autoplay: true, ...more }, call());
    const playing = async (...lengths: number[]): Promise<string[]> => {
      const uris = lengths.map((seconds) => rig.title(seconds));
      await open(uris);
      await becomes('playing');
      return uris;
    };
    const rejects = (promise: Promise<unknown>, code: ErrorCode): Promise<void> =>
      assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code, error.message), true));
    const isNear = (position: number): boolean => Math.abs((control.status.position ?? NaN) - position) < 0.6;
    const states = (): string[] => told.map(({ state, index }) => `${state} ${index ?? '-'}`);

    it('has nothing at first', () => {
      const { state, index, session, uri, controller, error } = control.status;
      assert.deepEqual({ state, index, session, uri, controller, error }, { state: 'idle', index: undefined, session: undefined, uri: undefined, controller: undefined, error: undefined });
      assert.equal(control.item, undefined);
    });

    it('opens, plays, and says what', async () => {
      const uri = rig.title(100);
      const opened = await open([uri]);
      assert.equal(opened.items[0]?.uri, uri);
      assert.ok(opened.seekable && opened.pausable && opened.session !== '');
      await becomes('playing');
      const { index, count, session, controller, duration, error } = control.status;
      assert.deepEqual({ index, count, session, controller, duration, error, uri: control.status.uri }, { index: 0, count: 1, session: opened.session, controller: BY, duration: 100, error: undefined, uri });
      assert.equal(control.item?.uri, uri);
      assert.deepEqual(items.at(-1), control.item);
      assert.equal(told.at(-1)?.state, 'playing');
    });

    it('opens without playing: it is known, and nothing is heard', async () => {
      const opened = await open([rig.title(100)], { autoplay: false });
      await rig.pass(2000);
      assert.equal(control.status.state, 'opened');
      assert.equal(control.status.position, 0);
      assert.equal(control.status.duration, 100);
      assert.deepEqual(opened.items[0], control.item);
      await control.play(call());
      await becomes('playing');
    });

    it('begins where it was told to', async () => {
      await open([rig.title(100)], { position: 40 });
      await until('it plays from there', () => control.status.state === 'playing' && isNear(40));
      await open([rig.title(100)], { autoplay: false, position: 20 });
      assert.equal(control.status.position, 20);
      await control.play(call());
      await until('it plays from there', () => control.status.state === 'playing' && (control.status.position ?? 0) >= 20 && (control.status.position ?? 0) < 25);
    });

    it('names each list anew', async () => {
      const uri = rig.title(100);
      const [one, other] = [await open([uri]), await open([uri])];
      assert.notEqual(one.session, other.session);
      assert.equal(control.status.session, other.session);
    });

    it('tells of no plain progress; the position goes on', async () => {
      await playing(100);
      const [count, from] = [told.length, control.status.position as number];
      await rig.pass(5000);
      assert.equal(told.length, count);
      assert.ok(isNear(from + 5));
    });

    it('does what is so already without an event', async () => {
      await playing(100);
      const still = async (command: 'play' | 'pause' | 'stop'): Promise<void> => {
        const count = told.length;
        await control[command](call());
        await rig.pass(1000);
        assert.equal(told.length, count, command);
      };
      await still('play');
      await control.pause(call());
      await becomes('paused');
      await still('pause');
      await control.stop(call());
      await becomes('stopped');
      await still('stop');
    });

    it('pauses and goes on, stops and begins anew, with the list', async () => {
      await playing(100, 100);
      await control.next(call());
      await until('the second plays', () => control.status.state === 'playing' && control.status.index === 1);
      await rig.pass(3000);
      await control.pause(call());
      await becomes('paused');
      assert.ok(isNear(3));
      await control.play(call());
      await becomes('playing');
      await control.stop(call());
      await becomes('stopped');
      assert.deepEqual([control.status.position, control.status.index, control.status.count], [0, 1, 2]);
      await control.play(call());
      await becomes('playing');
      assert.ok(isNear(0));
      assert.equal(control.status.index, 1);
    });

    it('goes to other places: a position, from here, a part of the whole', async () => {
      await playing(200);
      const at = async (target: Parameters<PlaybackControl['seek']>[0], position: number): Promise<void> => {
        const count = told.length;
        await control.seek(target, call());
        await until(`at ${position}`, () => isNear(position) && told.length > count);
        assert.ok(Math.abs((told.at(-1)?.position ?? NaN) - position) < 0.6);
      };
      await at({ position: 50 }, 50);
      await at({ offset: 10 }, 60);
      await at({ offset: -1000 }, 0);
      await at({ percent: 50 }, 100);
      await control.pause(call());
      await becomes('paused');
      await at({ position: 20 }, 20);
      await control.stop(call());
      await becomes('stopped');
      await at({ position: 30 }, 30);
      await control.play(call());
      await until('it plays from there', () => control.status.state === 'playing' && (control.status.position ?? 0) >= 30);
      for (const target of [{ position: 201 }, { position: -1 }, { percent: 101 }, { percent: -1 }]) await rejects(control.seek(target, call()), 'not-acceptable');
      await rejects(control.seek({ position: NaN }, call()), 'bad-request');
    });

    it('is at the beginning again when it is stopped, also where another place was noted', async () => {
      await playing(100);
      await control.stop(call());
      await becomes('stopped');
      await control.seek({ position: 20 }, call());
      assert.equal(control.status.position, 20);
      await control.stop(call());
      assert.deepEqual([control.status.state, control.status.position], ['stopped', 0]);
    });

    it('refuses what has no sense in its state', async () => {
      for (const command of ['play', 'pause', 'next', 'previous'] as const) await rejects(control[command](call()), 'unexpected-request');
      await rejects(control.seek({ position: 0 }, call()), 'unexpected-request');
      await rejects(control.jump(0, call()), 'unexpected-request');
      await open([rig.title(10)], { autoplay: false });
      await rejects(control.pause(call()), 'unexpected-request');
    });

    it('has no other places and no pause in what is live', async () => {
      const { seekable, pausable } = await open([rig.title(undefined)]);
      assert.deepEqual([seekable, pausable], [false, false]);
      await becomes('playing');
      assert.equal(control.status.duration, undefined);
      await rejects(control.seek({ position: 3 }, call()), 'not-seekable');
      await rejects(control.pause(call()), 'not-pausable');
      await control.stop(call());
      await becomes('stopped');
    });

    it('goes through the list, and no further', async () => {
      const uris = await playing(100, 100, 100);
      const at = async (index: number): Promise<void> => {
        await until(`at ${index}`, () => control.status.index === index && control.status.state === 'playing');
        assert.equal(control.status.uri, uris[index]);
        assert.equal(control.item?.uri, uris[index]);
      };
      await rejects(control.previous(call()), 'unexpected-request');
      await control.next(call());
      await at(1);
      await control.jump(2, call());
      await at(2);
      await rejects(control.next(call()), 'unexpected-request');
      await control.previous(call());
      await at(1);
      for (const index of [3, -1, 0.5]) await rejects(control.jump(index, call()), 'unexpected-request');
      await control.jump(0, call());
      await at(0);
      const shown = items.map((item) => item?.uri).filter((uri, i, all) => uri !== all[i - 1]);
      assert.deepEqual(shown, [0, 1, 2, 1, 0].map((index) => uris[index]));
      for (const [i, item] of items.entries()) if (i > 0) assert.notDeepEqual(item, items[i - 1]);
    });

    it('stays quiet in the list where it was quiet', async () => {
      const uris = [rig.title(100), rig.title(100)];
      await open(uris, { autoplay: false });
      await control.next(call());
      await rig.pass(1000);
      assert.deepEqual([control.status.state, control.status.index], ['opened', 1]);
    });

    it('plays one after another by itself, and stops at the end', async () => {
      await playing(20, 20);
      rig.hand.finish();
      await until('the second plays', () => control.status.index === 1 && control.status.state === 'playing');
      assert.ok(!told.some(({ state }) => state === 'stopped' || state === 'error'), states().join());
      rig.hand.finish();
      await becomes('stopped');
      await rig.pass(1000);
      assert.deepEqual([control.status.position, control.status.index, control.status.count], [0, 1, 2]);
      assert.deepEqual(states().at(-1), 'stopped 1');
    });

    it('opens playlists, and goes on in them', async () => {
      const uris = [rig.title(100), rig.title(100), rig.title(100)];
      const opened = await open([rig.playlist(uris.slice(0, 2)), uris[2] as string]);
      assert.deepEqual(opened.items.map(({ uri }) => uri), uris);
      assert.equal(control.status.count, 3);
      await control.jump(2, call());
      await until('the last plays', () => control.status.uri === uris[2] && control.status.state === 'playing');
    });

    it('goes over what fails in the middle, and tells', async () => {
      const uris = [rig.title(100), rig.missing(), rig.title(100)];
      await open(uris);
      await becomes('playing');
      rig.hand.finish();
      await until('the third plays', () => control.status.index === 2 && control.status.state === 'playing');
      assert.deepEqual(told.filter(({ state }) => state === 'error').map(({ index, error }) => [index, error]), [[1, 'not-found']]);
    });

    it('says what is wrong where nothing can be played', async () => {
      await rejects(open([rig.missing(), rig.missing()]), 'not-found');
      assert.ok(['error', 'idle'].includes(control.status.state));
      rig.hand.refusePlay('origin-unreachable');
      await rejects(open([rig.title(10)]), 'origin-unreachable');
      assert.deepEqual([control.status.state, control.status.error], ['error', 'origin-unreachable']);
      await playing(10);
    });

    it('refuses what nobody may open', async () => {
      await rejects(open([]), 'bad-request');
      for (const uri of ['file:///etc/passwd', 'ftp://192.0.2.1/a', 'no uri', 'xmpp:romeo@montague.lit']) await rejects(open([rig.title(10), uri]), 'unsupported-type');
      await rejects(open([rig.title(10)], { position: 11 }), 'not-acceptable');
      await rejects(open([rig.title(10)], { position: -1 }), 'not-acceptable');
      assert.equal(control.status.state, 'idle');
    });

    it('lets what plays go on when another list can\'t be had', async () => {
      const [uri] = await playing(100);
      await rejects(open([rig.missing()]), 'not-found');
      assert.deepEqual([control.status.state, control.status.uri], ['playing', uri]);
    });

    it('lets the newest open win', async () => {
      const slow = rejects(open([rig.endless()]), 'aborted');
      const uri = rig.title(100);
      await open([uri]);
      await slow;
      await until('the second plays', () => control.status.state === 'playing' && control.status.uri === uri);
    });

    it('gives up an open that is not wanted any more', async () => {
      const abort = new AbortController();
      const reason = new XpmnError('aborted', 'Enough.');
      const opening = assert.rejects(control.open({ uris: [rig.endless()], autoplay: true }, call({ signal: abort.signal })), (error) => error === reason);
      await rig.pass(100);
      abort.abort(reason);
      await opening;
      const stopped = rejects(open([rig.endless()]), 'aborted');
      await rig.pass(100);
      await control.close(call());
      await stopped;
      assert.equal(control.status.state, 'idle');
    });

    it('closes: nothing plays, nothing is left', async () => {
      await playing(100);
      await control.close(call());
      await becomes('idle');
      await rig.pass(1000);
      assert.deepEqual([control.status.session, control.status.index, control.item], [undefined, undefined, undefined]);
      assert.equal(items.at(-1), undefined);
      assert.equal(told.at(-1)?.state, 'idle');
      await control.close(call());
    });

    it('shows what others do at the player', async () => {
      await playing(100);
      rig.hand.pause();
      await becomes('paused');
      assert.equal(told.at(-1)?.state, 'paused');
      await control.play(call());
      await becomes('playing');
      rig.hand.stop();
      await becomes('stopped');
      assert.equal(control.status.index, 0);
    });

    it('shows what others play, and that its list is not theirs', async () => {
      await playing(100, 100);
      rig.hand.playOther('Theirs');
      await until('it is told', () => control.status.state === 'playing' && control.status.session === undefined);
      const { index, count, uri, controller } = control.status;
      assert.deepEqual([index, count, uri, controller], [undefined, undefined, undefined, undefined]);
      assert.deepEqual([control.item?.item.id, control.item?.item.title, control.item?.uri], ['current', 'Theirs', undefined]);
      assert.deepEqual(items.at(-1), control.item);
      await rejects(control.next(call()), 'unexpected-request');
      await control.pause(call());
      await becomes('paused');
      await control.close(call());
      await becomes('idle');
    });

    it('passes to whoever opens next', async () => {
      await playing(100);
      await control.open({ uris: [rig.title(50)], autoplay: true }, call({ by: OTHER }));
      await until('it is theirs', () => control.status.controller === OTHER && control.status.state === 'playing');
    });

    it('is in error while the player can\'t be reached, and as before when it can', async () => {
      await playing(100);
      rig.hand.trouble();
      await becomes('error');
      assert.equal(told.at(-1)?.error, 'unreachable');
      rig.hand.recover();
      await becomes('playing');
      assert.equal(control.status.error, undefined);
    });

    it('never tells the same twice', async () => {
      await playing(30, 30);
      await control.seek({ position: 5 }, call());
      await control.pause(call());
      await control.play(call());
      rig.hand.finish();
      await rig.pass(2000);
      rig.hand.finish();
      await rig.pass(2000);
      for (const [i, status] of told.entries()) if (i > 0) assert.notDeepEqual(status, told[i - 1]);
      for (const { position, duration } of told) assert.ok(position === undefined || (position >= 0 && position <= (duration ?? Infinity)));
    });
  });
  describeControlVariables(name, setup);
}
