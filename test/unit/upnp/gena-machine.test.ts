import assert from 'node:assert/strict';
import fc from 'fast-check';
import { GenaMachine } from '../../../src/upnp/gena-machine.ts';
import type { GenaEffect, GenaInput } from '../../../src/upnp/gena-machine.ts';
import { FakeRandom } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const timing = settings.upnp.gena;
const { patience, silentRetry, stableAfter, backOff, earlyEvents } = timing;

/** A machine, its time, and its effects as words. */
class Play {
  readonly machine = new GenaMachine({ random: new FakeRandom() }, timing);
  now = 1000;

  take(input: GenaInput): string[] {
    return this.machine.take(input, this.now).map(word);
  }

  grant(sid = 's', timeout: number | undefined = 1800): string[] {
    return this.take({ kind: 'granted', grant: { sid, timeout } });
  }

  event(seq: number | undefined, { sid = 's', complete = true, readable = true } = {}): string[] {
    return this.take({ kind: 'event', notification: { sid, seq, content: readable ? { properties: new Map([['V', String(seq)]]), complete } : undefined } });
  }

  /** Lets so much time pass, stepping from due to due. */
  pass(ms: number): string[] {
    const end = this.now + ms;
    const said: string[] = [];
    for (let { due } = this.machine; due !== undefined && due <= end; { due } = this.machine) {
      this.now = Math.max(this.now, due);
      said.push(...this.take({ kind: 'due' }));
    }
    this.now = end;
    return said;
  }

  /** Milliseconds until something is due. */
  get wait(): number {
    return (this.machine.due ?? Infinity) - this.now;
  }

  static asking(): Play {
    const play = new Play();
    assert.deepEqual(play.take({ kind: 'anew' }), ['subscribe']);
    return play;
  }

  static awaiting(timeout?: number): Play {
    const play = Play.asking();
    assert.deepEqual(play.grant('s', timeout), []);
    return play;
  }

  static live(timeout?: number): Play {
    const play = Play.awaiting(timeout);
    assert.deepEqual(play.event(0), ['event 0', 'live']);
    return play;
  }

  static silent(): Play {
    const play = Play.awaiting();
    assert.deepEqual(play.pass(patience), ['silent']);
    return play;
  }

  static gapped(): Play {
    const play = Play.live();
    assert.deepEqual(play.event(2), ['missed 1', 'subscribing', 'event 2']);
    return play;
  }

  static resting(): Play {
    const play = Play.asking();
    assert.deepEqual(play.take({ kind: 'refused' }), ['refused']);
    return play;
  }
}

function word(effect: GenaEffect): string {
  switch (effect.kind) {
    case 'subscribe': return 'subscribe';
    case 'renew': case 'leave': return `${effect.kind} ${effect.sid}`;
    case 'tell': return effect.state;
    case 'event': return `event ${effect.properties.get('V')}`;
    case 'missed': return `missed ${effect.count}`;
  }
}

describe('the machine of an event subscription', () => {
  it('ignores what comes too late, in each phase', () => {
    const late: readonly GenaInput[] = [{ kind: 'renewed', grant: { sid: 'x', timeout: 5 } }, { kind: 'event', notification: { sid: 'x', seq: 0, content: undefined } }, { kind: 'due' }];
    for (const begin of [Play.awaiting, Play.live, Play.silent, Play.resting]) for (const input of late) assert.deepEqual(begin().take(input), []);
    for (const begin of [Play.awaiting, Play.live, Play.silent, Play.gapped, Play.resting]) {
      assert.deepEqual(begin().take({ kind: 'refused' }), []);
      assert.deepEqual(begin().take({ kind: 'granted', grant: { sid: 'x', timeout: 5 } }), []);
    }
    for (const begin of [Play.asking, Play.resting]) assert.deepEqual(begin().take({ kind: 'lost' }), []);
  });

  it('can be closed, or begun anew, in each phase', () => {
    for (const [begin, held] of [[Play.asking, false], [Play.awaiting, true], [Play.live, true], [Play.silent, true], [Play.gapped, true], [Play.resting, false]] as const) {
      const anew = begin();
      const { told } = anew.machine;
      assert.deepEqual(anew.take({ kind: 'anew' }), [...(held ? ['leave s'] : []), ...(told === 'subscribing' ? [] : ['subscribing']), 'subscribe']);
      const closed = begin();
      assert.deepEqual(closed.take({ kind: 'close' }), held ? ['leave s'] : []);
      assert.deepEqual([closed.machine.due, closed.machine.knows('s')], [undefined, false]);
      for (const kind of ['anew', 'close', 'lost', 'due', 'refused'] as const) assert.deepEqual(closed.take({ kind }), []);
      assert.deepEqual(closed.event(1), []);
    }
  });

  describe('renewal', () => {
    const waits: readonly (readonly [number | undefined, number])[] = [[1800, 1800], [300, 300], [60, 60], [0, 30], [5, 30], [86_400, 1800], [Infinity, 1800], [undefined, 300]];
    for (const [timeout, lifetime] of waits) {
      it(`is due in time for a TIMEOUT of ${timeout}, and no sooner`, () => {
        const play = Play.asking();
        play.take({ kind: 'granted', grant: { sid: 's', timeout } });
        play.event(0);
        assert.ok(play.wait >= lifetime * 1000 * timing.renewAt * 0.9 && play.wait <= lifetime * 1000 * timing.renewAt, String(play.wait));
        assert.deepEqual(play.pass(play.wait), ['renew s']);
        assert.equal(play.machine.due, undefined, 'until it is answered');
        assert.deepEqual(play.take({ kind: 'renewed', grant: { sid: undefined, timeout } }), []);
        assert.ok(play.wait >= 13_000);
      });
    }

    it('leads to a new subscription when it is lost, which is nobody\'s fault', () => {
      const play = Play.live();
      play.pass(play.wait);
      assert.deepEqual(play.take({ kind: 'lost' }), ['leave s', 'subscribing', 'subscribe']);
      assert.deepEqual([...play.grant('t'), ...play.event(0, { sid: 't' })], ['event 0', 'live']);
      assert.deepEqual(play.event(1), [], 'the old one is not ours any more');
    });

    it('may change the SID: both count then, and so does what came before the answer', () => {
      const play = Play.live();
      play.pass(play.wait);
      assert.ok(play.machine.knows('t') && !Play.live().machine.knows('t'));
      assert.deepEqual(play.event(1, { sid: 't' }), []);
      assert.deepEqual(play.take({ kind: 'renewed', grant: { sid: 't', timeout: 1800 } }), ['event 1']);
      assert.deepEqual([...play.event(2), ...play.event(3, { sid: 't' })], ['event 2', 'event 3']);
      assert.deepEqual(play.take({ kind: 'close' }), ['leave t']);
    });

    it('goes on while the device is silent', () => {
      const play = Play.silent();
      assert.deepEqual(play.pass(timing.maxTimeout * 1000 * timing.renewAt), ['renew s']);
    });
  });

  describe('the numbers of events', () => {
    it('tell of a loss: all is asked for anew, at once', () => {
      const play = Play.live();
      assert.deepEqual(play.event(4), ['missed 3', 'subscribing', 'event 4']);
      assert.deepEqual(play.pass(0), ['leave s', 'subscribe']);
    });

    it('do not begin again', () => {
      const play = Play.live();
      play.event(1);
      assert.deepEqual(play.event(0), ['missed 1', 'subscribing', 'event 0']);
    });

    it('may be there twice, when a device sends again what it thinks was not heard', () => {
      const play = Play.live();
      assert.deepEqual([...play.event(1), ...play.event(1), ...play.event(2)], ['event 1', 'event 1', 'event 2']);
    });

    it('may be missing', () => {
      const play = Play.awaiting();
      assert.deepEqual([...play.event(undefined), ...play.event(undefined)], ['event undefined', 'live', 'event undefined']);
    });

    it('count also what nobody can read, which is a loss', () => {
      const play = Play.live();
      assert.deepEqual(play.event(1, { readable: false }), ['missed 1', 'subscribing']);
      const partial = Play.live();
      assert.deepEqual(partial.event(1, { complete: false }), ['missed 1', 'subscribing', 'event 1']);
      assert.deepEqual(Play.awaiting().event(0, { complete: false }), ['missed 1', 'event 0']);
    });

    it('that are never right are taken ever more rarely, and what comes is told meanwhile', () => {
      const play = Play.live();
      const times: number[] = [];
      let until = play.now + 6 * 3_600_000;
      for (let sid = 0; play.now < until; sid += 1) {
        const current = sid === 0 ? 's' : `s${sid}`;
        assert.deepEqual(play.event(0, { sid: current }).slice(-1), ['event 0']);
        while (!play.pass(play.wait).includes('subscribe')) if (play.machine.due === undefined) play.take({ kind: 'renewed', grant: { sid: undefined, timeout: 1800 } });
        times.push(play.now);
        play.grant(`s${sid + 1}`);
        play.event(0, { sid: `s${sid + 1}` });
      }
      assert.ok(times.length < 60, `${times.length} subscriptions`);
      const pauses = times.slice(1).map((time, at) => time - (times[at] as number));
      assert.ok((pauses[0] as number) <= backOff.first * 1.25 && (pauses.at(-1) as number) >= backOff.max * 0.75);
      // after a good while, the next loss is a new one
      play.pass(stableAfter);
      until = play.now;
      play.event(5, { sid: `s${times.length}` });
      assert.equal(play.wait, 0);
    });
  });

  describe('a device that tells nothing', () => {
    it('is silent after a while, and is tried anew once in a long while', () => {
      const play = Play.silent();
      const words: string[] = [];
      for (const end = play.now + 86_400_000; play.now < end; ) {
        for (const said of play.pass(play.wait)) {
          words.push(said);
          if (said.startsWith('renew')) words.push(...play.take({ kind: 'renewed', grant: { sid: undefined, timeout: 1800 } }));
          if (said === 'subscribe') words.push(...play.grant());
        }
      }
      assert.deepEqual(words.filter((said) => !/^(renew s|leave s|subscribe)$/.test(said)), []);
      const tries = words.filter((said) => said === 'subscribe').length;
      assert.ok(tries >= 86_400_000 / (silentRetry * 1.25) - 2 && tries <= 86_400_000 / (silentRetry * 0.75), String(tries));
    });

    it('is live once its first event comes, however late', () => {
      assert.deepEqual(Play.silent().event(0), ['event 0', 'live']);
    });

    it('is asked for all when another one than the first comes', () => {
      const play = Play.silent();
      assert.deepEqual(play.event(3), ['missed 3', 'subscribing', 'event 3']);
      assert.deepEqual(play.pass(0), ['leave s', 'subscribe']);
    });
  });

  describe('a device that refuses', () => {
    it('is tried less and less often', () => {
      const play = Play.resting();
      const waits: number[] = [];
      for (let time = 0; time < 16; time += 1) {
        waits.push(play.wait);
        assert.deepEqual([...play.pass(play.wait), ...play.take({ kind: 'refused' })], ['subscribe']);
      }
      for (const [time, wait] of waits.entries()) {
        const base = Math.min(backOff.max, backOff.first * backOff.factor ** time);
        assert.ok(wait >= base * 0.75 && wait <= base * 1.25, `${time}: ${wait}`);
      }
      play.pass(play.wait);
      assert.deepEqual(play.grant(), ['subscribing']);
    });

    it('is tried as if for the first time when it may have started anew', () => {
      const play = Play.resting();
      for (let time = 0; time < 10; time += 1) {
        play.pass(play.wait);
        play.take({ kind: 'refused' });
      }
      play.take({ kind: 'anew' });
      play.take({ kind: 'refused' });
      assert.ok(play.wait <= backOff.first * 1.25);
    });
  });

  describe('events before the answer to SUBSCRIBE', () => {
    it('count by their SID, in order, as many as are kept', () => {
      const play = Play.asking();
      assert.ok(play.machine.knows('whatever'));
      assert.deepEqual([...play.event(0), ...play.event(7, { sid: 'x' }), ...play.event(1)], []);
      assert.deepEqual(play.grant('S'), ['event 0', 'live', 'event 1']);
      assert.ok(!play.machine.knows('x'));
    });

    it('are bounded: what was one too many is a loss like any other', () => {
      const play = Play.asking();
      for (let seq = 0; seq <= earlyEvents; seq += 1) play.event(seq);
      assert.equal(play.grant().filter((said) => said.startsWith('event')).length, earlyEvents);
      assert.deepEqual(play.event(earlyEvents + 1).slice(0, 2), ['missed 1', 'subscribing']);
    });
  });

  it('keeps to its word, whatever comes', () => {
    const sid = fc.constantFrom('a', 'b', 'c');
    const timeout = fc.constantFrom(undefined, 0, 1800, Infinity);
    const content = fc.option(fc.boolean().map((complete) => ({ properties: new Map([['V', '1']]), complete })), { nil: undefined });
    const input: fc.Arbitrary<GenaInput | number> = fc.oneof(
      fc.constantFrom<GenaInput>({ kind: 'refused' }, { kind: 'lost' }, { kind: 'due' }, { kind: 'anew' }),
      fc.record({ kind: fc.constant('granted' as const), grant: fc.record({ sid, timeout }) }),
      fc.record({ kind: fc.constant('renewed' as const), grant: fc.record({ sid: fc.option(sid, { nil: undefined }), timeout }) }),
      fc.record({ kind: fc.constant('event' as const), notification: fc.record({ sid, seq: fc.option(fc.nat(3), { nil: undefined }), content }) }),
      fc.integer({ min: 0, max: 4_000_000 }),
    );
    fc.assert(fc.property(fc.array(input, { maxLength: 60 }), (inputs) => {
      const play = Play.asking();
      let told = 'subscribing';
      let isLive = false;
      for (const one of inputs) {
        if (typeof one === 'number') play.now += one;
        else for (const said of play.take(one)) {
          if (/^(subscribing|live|silent|refused)$/.test(said)) {
            assert.notEqual(said, told);
            told = said;
            isLive = said === 'live';
          }
          // whoever is told of a new subscription, or of a loss, does not believe to know all
          if (said === 'subscribe') assert.ok(!isLive);
        }
        assert.equal(play.machine.told, told);
        // whatever it waits for: an answer, or a time
        if (!play.machine.knows('never seen')) assert.ok(play.machine.due !== undefined);
      }
    }));
  });
});
