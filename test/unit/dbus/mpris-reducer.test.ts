import assert from 'node:assert/strict';
import { observe } from '../../../src/dbus/mpris-reducer.ts';
import type { Circumstances } from '../../../src/dbus/mpris-reducer.ts';
import { snapshotOf } from '../../../src/dbus/mpris-state.ts';
import type { MprisState } from '../../../src/dbus/mpris-state.ts';
import { readPlayer } from '../../../src/mapping/mpris.ts';
import type { MprisProperties } from '../../../src/mapping/mpris.ts';
import { playerMedia } from '../../support/media-players.ts';

const LIMITS = { text: 100, url: 100, art: 100 };
const URL = 'http://127.0.0.1/one';
const TOLD_NOTHING: Circumstances = { told: undefined, isVolumeOurs: false, endTolerance: 2000 };

const reading = (status: string, more: { readonly url?: string | undefined; readonly length?: number; readonly id?: string; readonly volume?: number } = {}, rest: MprisProperties = {}) =>
  readPlayer({
    PlaybackStatus: status,
    ...(more.volume === undefined ? {} : { Volume: more.volume }),
    Metadata: { 'xesam:url': 'url' in more ? more.url : URL, 'mpris:length': (more.length ?? 60) * 1e6, ...(more.id === undefined ? {} : { 'mpris:trackid': more.id }) },
    ...rest,
  }, LIMITS);

/** It plays what was loaded, and was at `position` at 0 ms. */
const playing = (position: number, more: Partial<MprisState> = {}): MprisState => ({
  reading: reading('Playing'), standing: undefined, place: { position, measured: 0 }, isPlaceless: false, loaded: { media: playerMedia(URL, 60), phase: 'on' }, muted: undefined, fixedVolume: undefined, problem: undefined, ...more,
});
const after = (state: MprisState, now: number, seen: ReturnType<typeof reading>, position?: number, circumstances: Partial<Circumstances> = {}) =>
  observe(state, { reading: seen, position, now }, { ...TOLD_NOTHING, ...circumstances });

describe('what is known of a player by MPRIS', () => {
  describe('it has ended', () => {
    const endings: Readonly<Record<string, readonly [MprisState, ReturnType<typeof observe>]>> = {
      'when it stops at the end': [playing(50), after(playing(50), 9_500, reading('Stopped'))],
      'when it stops at the end and has nothing any more': [playing(50), after(playing(50), 9_500, reading('Stopped', { url: undefined, length: 0 }))],
      'when it goes on with something else at the end': [playing(50), after(playing(50), 9_500, reading('Playing', { url: 'http://other' }))],
      'when it pauses at the end': [playing(50), after(playing(50), 9_900, reading('Paused'), 59.9)],
      'when it claims to play and stands at the end': [playing(59.95), after(playing(59.95), 5_000, reading('Playing'), 59.95)],
      'when it stops, and nobody knows how long it is': (() => {
        const state = playing(5, { reading: reading('Playing', { length: 0 }), loaded: { media: { ...playerMedia(URL, 1), item: playerMedia(URL, undefined).item }, phase: 'on' } });
        return [state, after(state, 1_000, reading('Stopped', { length: 0 }))] as const;
      })(),
    };
    for (const [how, [, { state, ended }]] of Object.entries(endings)) {
      it(how, () => {
        assert.equal(ended, URL);
        assert.notEqual(snapshotOf(state).state, how.includes('something else') ? 'stopped' : 'playing');
      });
    }
  });

  describe('it has not ended', () => {
    const others: Readonly<Record<string, ReturnType<typeof observe>>> = {
      'when it stops before': after(playing(50), 5_000, reading('Stopped')),
      'when it was told to stop, even at the end': after(playing(50), 9_900, reading('Stopped'), undefined, { told: 'stop' }),
      'when it was told to pause, even at the end': after(playing(50), 9_900, reading('Paused'), 59.9, { told: 'pause' }),
      'when it is paused before the end': after(playing(50), 7_000, reading('Paused'), 57),
      'when it is paused and nobody knows where': after(playing(50), 9_900, reading('Paused')),
      'when something else plays in its place': after(playing(20), 1_000, reading('Playing', { url: 'http://other' })),
      'when it waits in the midst': after(playing(20), 5_000, reading('Playing'), 20),
      'when it is on its way to the end': after(playing(58.5), 1_000, reading('Playing'), 59.5),
      'when it only was loaded': after(playing(0, { reading: reading('Stopped', { url: undefined }), loaded: { media: playerMedia(URL, 60), phase: 'kept' } }), 1_000, reading('Stopped')),
      'when it is live, and stops': (() => {
        const state = playing(5, { reading: reading('Playing', { length: 0 }), loaded: { media: playerMedia(URL, undefined), phase: 'on' } });
        return after(state, 9_000, reading('Stopped', { length: 0 }));
      })(),
    };
    for (const [how, { ended }] of Object.entries(others)) it(how, () => assert.equal(ended, undefined));
  });

  it('could not play what stops at once', () => {
    const { state, ended } = after(playing(0), 300, reading('Stopped'));
    assert.deepEqual([state.problem?.code, ended, snapshotOf(state).state], ['origin-unreachable', undefined, 'stopped']);
  });

  it('is believed to have what was loaded if it names no addresses, until track or length are others', () => {
    const state = playing(20, { reading: reading('Playing', { url: undefined, id: '/a' }) });
    const phase = (seen: ReturnType<typeof reading>): string | undefined => after(state, 1_000, seen).state.loaded?.phase;
    assert.deepEqual([reading('Playing', { url: undefined, id: '/a' }), reading('Playing', { url: undefined, id: '/b' }), reading('Playing', { url: undefined, id: '/a', length: 100 })].map(phase), ['on', undefined, undefined]);
  });

  it('does not believe one that has only started that it plays, as long as it has nothing', () => {
    const kept = playing(0, { reading: readPlayer({}, LIMITS), loaded: { media: playerMedia(URL, 60), phase: 'kept' } });
    const { state } = after(kept, 100, readPlayer({ PlaybackStatus: 'Playing', Metadata: { 'mpris:trackid': '/noplaylist' } }, LIMITS), 0);
    assert.deepEqual([snapshotOf(state).state, state.loaded?.phase], ['stopped', 'kept']);
    assert.equal(after(state, 5_000, reading('Playing', { url: 'http://other' }), 0).state.loaded, undefined, 'somebody plays something else then');
    const nameless = (position: number | undefined) => snapshotOf(after(playing(0, { reading: readPlayer({}, LIMITS), loaded: undefined }), 100, readPlayer({ PlaybackStatus: 'Playing' }, LIMITS), position).state).state;
    assert.deepEqual([nameless(0), nameless(undefined), nameless(0.5)], ['idle', 'idle', 'playing'], 'what gets on plays');
  });

  describe('says that it has stopped', () => {
    /** Looks at so many ms, and what it said then. */
    const shown = (looks: readonly (readonly [ms: number, position: number | undefined, url?: string])[], status = 'Stopped'): readonly string[] => {
      let state = playing(0, { reading: readPlayer({}, LIMITS), loaded: undefined });
      return looks.map(([now, position, url = URL]) => {
        ({ state } = after(state, now, reading(status, { url }), position));
        return snapshotOf(state).state;
      });
    };
    const cases: Readonly<Record<string, readonly [Parameters<typeof shown>[0], readonly string[]]>> = {
      'and gets on: it plays': [[[0, 5], [500, 5.5], [1_000, 6.1], [1_500, 6.6], [60_000, 65]], ['stopped', 'stopped', 'playing', 'playing', 'playing']],
      'and stands still, wherever that is': [[[0, 17], [1_000, 17], [9_000, 17]], ['stopped', 'stopped', 'stopped']],
      'and is somewhere else, not in step with time': [[[0, 17], [1_000, 30], [2_000, 0], [3_000, 0.5], [4_000, 2]], ['stopped', 'stopped', 'stopped', 'stopped', 'stopped']],
      'and does not say where it is': [[[0, undefined], [1_000, undefined], [9_000, undefined]], ['stopped', 'stopped', 'stopped']],
      'and stands still after it got on': [[[0, 0], [1_000, 1], [2_000, 1.05]], ['stopped', 'playing', 'stopped']],
      'and goes to another place, where it gets on': [[[0, 0], [1_000, 1], [2_000, 40], [3_000, 41]], ['stopped', 'playing', 'playing', 'playing']],
      'and goes to another place, where it stands still': [[[0, 0], [1_000, 1], [2_000, 40], [3_000, 40]], ['stopped', 'playing', 'playing', 'stopped']],
      'and goes on to the next, which gets on': [[[0, 0], [1_000, 1], [1_100, undefined, 'http://next'], [2_100, 1, 'http://next']], ['stopped', 'playing', 'playing', 'playing']],
    };
    for (const [how, [looks, wanted]] of Object.entries(cases)) it(how, () => assert.deepEqual(shown(looks), wanted));

    it('and is believed again once it is paused', () => assert.deepEqual(shown([[0, 5], [1_000, 6]], 'Paused'), ['paused', 'paused']));
  });

  it('plays what was kept, when somebody begins it there; forgets it, when that is something else', () => {
    const kept = playing(0, { reading: reading('Stopped', { url: undefined }), loaded: { media: playerMedia(URL, 60), phase: 'kept' } });
    const phase = (url: string | undefined): string | undefined => after(kept, 1_000, reading('Playing', { url }), 0).state.loaded?.phase;
    assert.deepEqual([phase(URL), phase('http://other'), phase(undefined)], ['on', undefined, undefined]);
    assert.equal(after(kept, 1_000, reading('Paused', { url: 'http://other' }), 0).state.loaded?.phase, 'kept');
  });

  it('waits while something else is still named, after it was given to it', () => {
    const begun = playing(0, { reading: reading('Stopped'), loaded: { media: playerMedia(URL, 60), phase: 'begun' }, problem: undefined });
    assert.equal(after(begun, 10, reading('Playing', { url: 'http://old' }), 0).state.loaded?.phase, 'begun');
    assert.equal(after(begun, 10, reading('Playing'), 0).state.loaded?.phase, 'on');
  });

  it('has no place if it always says 0, and has one as soon as it says another', () => {
    const first = after(playing(0), 4_000, reading('Playing'), 0).state;
    assert.deepEqual([first.isPlaceless, snapshotOf(first).position, first.place.position], [true, undefined, 4]);
    const second = after(first, 8_000, reading('Playing'), 0).state;
    assert.deepEqual([second.isPlaceless, second.place.position], [true, 8]);
    assert.deepEqual(after(second, 9_000, reading('Playing'), 9).state.isPlaceless, false);
    assert.equal(after(playing(30), 4_000, reading('Playing'), 0).state.isPlaceless, false, 'it may have gone to the start');
    assert.equal(after(playing(0), 1_000, reading('Playing'), 0).state.isPlaceless, false, 'it may be about to begin');
    assert.equal(after(playing(0), 4_000, reading('Playing', { url: 'http://next' }), 0).state.isPlaceless, false, 'the next title begins (Rhythmbox, which says whole seconds)');
  });

  it('stays muted until somebody turns it up', () => {
    const muted = playing(1, { muted: 60 });
    const seen = (volume: number, isVolumeOurs = false) => snapshotOf(after(muted, 10, reading('Playing', { volume }), 1, { isVolumeOurs }).state);
    assert.deepEqual([seen(0).volume, seen(0).mute], [60, true]);
    assert.deepEqual([seen(0.3).volume, seen(0.3).mute], [30, false]);
    assert.deepEqual([seen(0.6, true).volume, seen(0.6, true).mute], [60, true]);
    const none = snapshotOf(after(muted, 10, reading('Playing'), 1).state);
    assert.deepEqual([none.volume, none.mute, none.abilities.volume], [undefined, undefined, false]);
  });

  it('is known by what the library says of it, and by what it says itself of other things', () => {
    const state = playing(1, { loaded: { media: playerMedia(URL, 60, { title: 'Mab', artist: 'Mercutio' }), phase: 'on' } });
    assert.deepEqual([snapshotOf(state).media?.title, snapshotOf(state).media?.artist], ['Mab', 'Mercutio']);
    const other = snapshotOf({ ...state, loaded: undefined });
    assert.deepEqual([other.media?.url, other.media?.title, other.media?.duration], [URL, undefined, 60]);
    assert.equal(snapshotOf({ ...state, loaded: undefined, reading: readPlayer({}, LIMITS) }).media, undefined);
  });
});
