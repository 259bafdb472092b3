import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { judge } from '../../../src/xpmn/player/device-news.ts';
import type { Opened, Phase } from '../../../src/xpmn/player/opened.ts';
import { playListOf } from '../../../src/xpmn/player/play-list.ts';
import type { PlayerSnapshot, PlayerState } from '../../../src/xpmn/ports/media-player.ts';
import { playerMedia } from '../../support/media-players.ts';

const media = playerMedia('http://192.0.2.1/ours', 60);
const base: Opened = {
  session: 's', controller: parseJid('romeo@montague.lit/orchard'), list: playListOf(['a', 'b']), media, phase: 'on', startAt: undefined, isSeen: true,
  before: undefined, hasBegun: false, oldProblem: undefined, following: undefined, error: undefined, failures: 0,
};
const shows = (state: PlayerState, url: string | null = media.url, problem?: ErrorCode): PlayerSnapshot => ({
  state, media: url === null ? undefined : { url, title: undefined }, position: 0, measured: 0, speed: 1, volume: 1, mute: false, problem: problem && new XpmnError(problem, 'x'),
  abilities: { seek: true, pause: true, next: false, previous: false, volume: true, mute: true },
});
const OTHER = 'http://192.0.2.9/other';
const outcome = (opened: Partial<Opened>, snapshot: PlayerSnapshot): string => {
  const judged = judge({ ...base, ...opened }, snapshot);
  return `${judged.effect} ${judged.opened.phase}`;
};

describe('news of the player', () => {
  /** Effects and phases for our title, by what the player shows. */
  const TABLE: readonly (readonly [Phase, boolean, Readonly<Record<PlayerState, string>>])[] = [
    ['opened', false, { idle: 'none opened', stopped: 'none opened', buffering: 'none starting', playing: 'begun on', paused: 'none opened' }],
    ['starting', false, { idle: 'none starting', stopped: 'none starting', buffering: 'none starting', playing: 'begun on', paused: 'none on' }],
    ['starting', true, { idle: 'none on', stopped: 'none on', buffering: 'none starting', playing: 'begun on', paused: 'none on' }],
    ['on', false, { idle: 'none on', stopped: 'none on', buffering: 'none on', playing: 'none on', paused: 'none on' }],
    ['stopped', false, { idle: 'none stopped', stopped: 'none stopped', buffering: 'none starting', playing: 'begun on', paused: 'none stopped' }],
    ['failed', false, { idle: 'none failed', stopped: 'none failed', buffering: 'none starting', playing: 'begun on', paused: 'none failed' }],
    ['failed', true, { idle: 'none failed', stopped: 'none failed', buffering: 'none failed', playing: 'begun on', paused: 'none failed' }],
  ];
  for (const [phase, hasBegun, row] of TABLE) {
    for (const [state, expected] of Object.entries(row)) {
      it(`${phase}${hasBegun ? ', begun' : ''}: ${state}`, () => assert.equal(outcome({ phase, hasBegun }, shows(state as PlayerState)), expected));
    }
  }

  it('of a title that was given up while it gathered bytes count again once it has done something else', () => {
    const { opened } = judge({ ...base, phase: 'failed', hasBegun: true }, shows('stopped'));
    assert.equal(outcome(opened, shows('buffering')), 'none starting');
  });

  it('begin a title that is to go on somewhere else, even if it was paused at first', () => {
    assert.equal(outcome({ phase: 'on', startAt: 20 }, shows('playing')), 'begun on');
  });

  it('what it had before is no news, as long as it has not shown ours', () => {
    const early = { isSeen: false, before: OTHER, phase: 'starting' } as const;
    assert.equal(outcome(early, shows('playing', OTHER)), 'none starting');
    assert.equal(outcome({ ...early, isSeen: true }, shows('playing', OTHER)), 'taken starting');
    assert.equal(outcome(early, shows('playing', 'http://192.0.2.9/third')), 'taken starting');
  });

  it('somebody else has taken it when something else plays, or lies in the place of what played', () => {
    for (const state of ['playing', 'buffering', 'paused', 'stopped'] as const) assert.equal(outcome({}, shows(state, OTHER)), 'taken on', state);
    for (const phase of ['opened', 'stopped', 'failed'] as const) {
      assert.equal(outcome({ phase }, shows('playing', OTHER)), `taken ${phase}`);
      assert.equal(outcome({ phase }, shows('stopped', OTHER)), `none ${phase}`);
    }
  });

  it('a player that does not say what it has is taken to have ours', () => {
    assert.equal(outcome({ phase: 'starting', isSeen: false }, shows('playing', null)), 'begun on');
  });

  it('it has gone on by itself to what it was told follows', () => {
    const following = playerMedia('http://192.0.2.1/next', 30);
    const { opened, effect } = judge({ ...base, following }, shows('playing', following.url));
    assert.deepEqual([effect, opened.list.index, opened.media, opened.following, opened.phase], ['followed', 1, following, undefined, 'on']);
  });

  it('what had failed and plays after all goes on where it is, not where it had been', () => {
    const { opened, effect } = judge({ ...base, phase: 'failed', error: 'origin-unreachable', startAt: 40 }, shows('playing'));
    assert.deepEqual([opened.phase, opened.startAt, opened.error, effect], ['on', undefined, undefined, 'begun']);
  });

  it('a title that broke off counts as failed, though the player has gone on by itself', () => {
    const following = playerMedia('http://192.0.2.1/next', 30);
    const since = (failure: XpmnError | undefined): unknown[] => {
      const { opened, problem } = judge({ ...base, media: { ...media, failure: () => failure }, following, failures: 2 }, shows('playing', following.url));
      return [problem?.code, opened.failures, opened.error];
    };
    assert.deepEqual(since(new XpmnError('entity-changed', 'x')), ['entity-changed', 3, undefined]);
    assert.deepEqual(since(undefined), [undefined, 0, undefined]);
  });

  it('a title has failed when the player says so, and not for what is wrong with the player, or was before', () => {
    assert.equal(outcome({}, shows('stopped', media.url, 'origin-unreachable')), 'failed on');
    assert.equal(outcome({}, shows('stopped', media.url, 'unsupported-type')), 'failed on');
    for (const code of ['unreachable', 'timeout', 'connection-lost'] as const) assert.equal(outcome({}, shows('stopped', media.url, code)), 'none on', code);
    assert.equal(outcome({ oldProblem: new XpmnError('unsupported-type', 'y') }, shows('stopped', media.url, 'unsupported-type')), 'none on');
    for (const phase of ['stopped', 'failed'] as const) assert.equal(outcome({ phase }, shows('stopped', media.url, 'unsupported-type')), `none ${phase}`);
  });

  it('a title has failed, too, when the player stops because its bytes do not come any more', () => {
    const broken = (code: ErrorCode): Partial<Opened> => ({ media: { ...media, failure: () => new XpmnError(code, 'x') } });
    const codes = { 'entity-changed': 'entity-changed', 'origin-unreachable': 'origin-unreachable', 'peer-unavailable': 'origin-unreachable', 'connection-lost': 'origin-unreachable' } as const;
    for (const [code, told] of Object.entries(codes)) assert.equal(judge({ ...base, ...broken(code as ErrorCode) }, shows('stopped')).problem?.code, told);
    for (const state of ['playing', 'buffering', 'paused'] as const) assert.equal(outcome(broken('timeout'), shows(state)), 'none on', 'what it has, it plays');
    for (const phase of ['opened', 'starting', 'stopped', 'failed'] as const) assert.equal(outcome({ ...broken('timeout'), phase }, shows('stopped')), `none ${phase}`);
    assert.equal(outcome({ media: { ...media, failure: () => undefined } }, shows('stopped')), 'none on');
  });

  it('nothing becomes of a title that is only looked for', () => {
    for (const state of ['idle', 'playing', 'buffering', 'paused'] as const) assert.equal(outcome({ media: undefined, phase: 'starting', isSeen: false }, shows(state, null)), 'none starting');
    assert.equal(outcome({ media: undefined, phase: 'starting', isSeen: false }, shows('stopped', null, 'unsupported-type')), 'none starting');
  });
});
