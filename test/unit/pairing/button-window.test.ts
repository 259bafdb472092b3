import assert from 'node:assert/strict';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { BUTTON_PIN, ButtonWindow } from '../../../src/xpmn/pairing/button-window.ts';
import type { ButtonState, Presser } from '../../../src/xpmn/pairing/button-state.ts';
import { callTime } from '../../../src/xpmn/pairing/pairing-joiner.ts';
import { commitmentTo, comparisonNumber } from '../../../src/xpmn/pairing/comparison.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

const { buttonTime, buttonLook, buttonLinger, joinTime } = settings.pairing;
/** Who looks as long as this one has called by then. */
const buttonDoubt = buttonLook + settings.pairing.buttonDoubt;
const [LOW, MIDDLE, HIGH] = ['1', '5', '9'].map((digit) => digit.repeat(64)) as [KeyName, KeyName, KeyName];
const [CALLER, SECOND] = [parseJid('net-a@xpmn.local/laptop-aaaa'), parseJid('net-a@xpmn.local/phone-bbbb')];
const EXPORTER = Buffer.alloc(32, 7);
const NONCE = 'ab'.repeat(16);
const never = new AbortController().signal;

function presser(says: Presser['says'], network: KeyName | undefined = HIGH, instance = 'one'): Presser {
  return { instance, jid: parseJid(`net-${instance}@xpmn.local/nas-cccc`), network, name: `The ${instance}`, says, targets: [{ host: '192.0.2.7', port: 5298 }] };
}

describe('the button window', () => {
  let clock: FakeClock;
  let window: ButtonWindow;
  let states: string[];

  beforeEach(() => {
    clock = new FakeClock();
    window = new ButtonWindow({ clock, random: new FakeRandom(3) }, settings.pairing);
    states = [];
    window.on('changed', (state) => states.push('why' in state ? `${state.state} ${state.why}` : state.state));
  });
  afterEach(() => {
    window.close();
    assert.ok(clock.pending <= (window.state.state === 'paired' ? 0 : 1));
  });

  const press = (isUsed: boolean): ButtonState => window.press({ isUsed, network: MIDDLE });
  /** Calls and proves; what the other end has of it. */
  function call(peer: Jid = CALLER, proven = true): void {
    window.begin(peer)?.done(proven);
    window.proven(peer, EXPORTER);
  }
  /** Says its part of the number, and asks to be added. */
  function ask(peer: Jid = CALLER): Promise<string> {
    const host = window.compare(peer, commitmentTo(NONCE));
    return window.admission(peer, NONCE, never).then(() => comparisonNumber(EXPORTER, { joiner: NONCE, host }));
  }

  it('is closed, and says nothing of itself, until it is pressed', () => {
    assert.deepEqual(window.state, { state: 'closed', why: 'not-pressed' });
    assert.deepEqual([window.isOpen, window.announced, window.begin(CALLER)], [false, undefined, undefined]);
    window.look([presser('button')]);
    window.callFailed();
    assert.deepEqual(states, []);
    assert.throws(() => window.target(), { code: 'not-allowed' });
  });

  describe('what the two are to each other', () => {
    const decided = (isUsed: boolean, other: Presser): string => {
      press(isUsed);
      window.look([other]);
      return 'why' in window.state ? `${window.state.state} ${window.state.why}` : window.state.state;
    };

    it('a network in use takes in a new machine; of two new ones, the lower id takes in the other', () => {
      assert.equal(decided(true, presser('looking')), 'hosting');
      assert.equal(decided(false, presser('button', LOW)), 'found');
      assert.equal(decided(false, presser('button', HIGH)), 'found');
      assert.equal(decided(false, presser('looking', LOW)), 'found');
      assert.equal(decided(false, presser('looking', HIGH)), 'hosting');
    });

    it('two networks in use, two of the same, and one that names none, are nothing', () => {
      for (const says of ['button', 'in-use'] as const) assert.equal(decided(true, presser(says)), 'refused in-use');
      for (const isUsed of [true, false]) assert.equal(decided(isUsed, presser('looking', MIDDLE)), 'refused in-use');
      assert.equal(decided(false, { ...presser('button'), network: undefined }), 'refused in-use');
    });

    it('who has given up is one too many', () => {
      for (const isUsed of [true, false]) assert.equal(decided(isUsed, presser('crowded')), 'refused crowded');
      assert.equal(decided(false, presser('in-use')), 'refused crowded');
    });

    it('is said on the link: what it is while it waits, why it has given up for a while, then nothing', async () => {
      for (const [isUsed, word] of [[true, 'button'], [false, 'looking']] as const) {
        press(isUsed);
        assert.equal(window.announced, word);
        window.look([presser('crowded')]);
        assert.equal(window.announced, 'crowded');
        await clock.advance(buttonLinger);
        assert.deepEqual([window.announced, window.state], [undefined, { state: 'closed', why: 'crowded' }]);
      }
    });
  });

  describe('of the machine that is taken in', () => {
    beforeEach(() => {
      press(false);
      window.look([presser('button')]);
    });

    it('calls the only one it has seen for long enough', async () => {
      await clock.advance(buttonLook - 1);
      assert.throws(() => window.target(), { code: 'not-allowed' });
      await clock.advance(1);
      const { signal, ...target } = window.target();
      assert.deepEqual(target, presser('button'));
      assert.equal(signal.aborted, false);
      window.callFailed();
      assert.deepEqual(states, ['looking', 'found', 'calling', 'closed failed']);
    });

    it('takes in nobody itself', () => {
      assert.equal(window.isOpen, false);
      assert.equal(window.begin(CALLER), undefined);
    });

    it('gives up at a second one, also one that takes the place of the first, and one that claims its name', () => {
      window.look([presser('looking', LOW, 'two')]);
      assert.deepEqual(window.state, { state: 'refused', why: 'crowded' });
      press(false);
      window.look([presser('button'), { ...presser('button'), instance: 'two' }]);
      assert.deepEqual(window.state, { state: 'refused', why: 'crowded' });
    });

    it('is stopped in the middle of the call by a second one', async () => {
      await clock.advance(buttonLook);
      const { signal } = window.target();
      window.look([presser('button'), presser('button', LOW, 'two')]);
      assert.equal((signal.reason as { code: string }).code, 'conflict');
      assert.throws(() => window.target(), { code: 'not-allowed' });
    });

    it('does not call for ever', async () => {
      await clock.advance(buttonLook);
      await clock.advance(callTime(settings.pairing));
      assert.deepEqual(window.state, { state: 'closed', why: 'unfinished' });
    });
  });

  describe('of the machine that takes in another', () => {
    beforeEach(() => press(true));

    it('adds who was alone for long enough, with a number that both have', async () => {
      call();
      const asked = ask();
      await settle();
      const { number } = window.state as Extract<ButtonState, { state: 'proven' }>;
      await clock.advance(buttonDoubt - 1);
      assert.equal(window.state.state, 'proven');
      await clock.advance(1);
      assert.equal(await asked, number);
      assert.deepEqual(window.state, { state: 'joining', peer: CALLER, number });
      window.complete(CALLER, CALLER, 'Laptop');
      assert.deepEqual(window.state, { state: 'paired', device: CALLER, name: 'Laptop', number });
      assert.deepEqual(states, ['hosting', 'proven', 'proven', 'joining', 'paired']);
    });

    it('lets go of all when a second one calls before that, and of one that only shows', async () => {
      for (const disturb of [() => call(SECOND), () => call(SECOND, false), () => window.look([presser('looking'), presser('looking', LOW, 'two')]), () => window.look([presser('crowded')])]) {
        press(true);
        call();
        const asked = ask();
        asked.catch(() => undefined);
        await clock.advance(buttonDoubt - 1);
        disturb();
        await clock.advance(1);
        await assert.rejects(asked, { code: 'conflict' });
        assert.deepEqual(window.state, { state: 'refused', why: 'crowded' });
        for (const peer of [CALLER, SECOND]) await assert.rejects(async () => window.admission(peer, NONCE, never), { code: 'conflict' });
        await clock.advance(buttonLinger);
      }
    });

    it('gives up where two call at once, before either has proven anything', () => {
      assert.ok(window.begin(CALLER));
      assert.equal(window.begin(SECOND), undefined);
      assert.deepEqual(window.state, { state: 'refused', why: 'crowded' });
    });

    it('goes on watching while the one that has called says nothing, and does not wait for ever', async () => {
      call();
      await clock.advance(buttonDoubt);
      assert.equal(window.isOpen, true);
      await clock.advance(joinTime);
      assert.deepEqual(window.state, { state: 'closed', why: 'unfinished' });
      press(true);
      call();
      await clock.advance(buttonDoubt);
      await ask();
      assert.equal(window.state.state, 'joining');
    });

    it('hands out nothing without the part of the number that was promised, and makes one number only', async () => {
      call();
      await assert.rejects(window.admission(CALLER, NONCE, never), { code: 'not-allowed' });
      assert.throws(() => window.compare(CALLER, 'x'), { code: 'not-allowed' });
      window.compare(CALLER, commitmentTo(NONCE));
      assert.throws(() => window.compare(CALLER, commitmentTo('cd'.repeat(16))), { code: 'not-allowed' });
      await assert.rejects(window.admission(CALLER, 'cd'.repeat(16), never), { code: 'not-allowed' });
      for (const act of [() => window.compare(SECOND, commitmentTo(NONCE)), () => window.complete(CALLER, CALLER, 'Laptop')]) assert.throws(act, { code: 'not-allowed' });
    });

    it('ends when the one that has called is lost, unless it is being listed', async () => {
      press(true);
      const attempt = window.begin(CALLER);
      attempt?.done(true);
      window.proven(CALLER, EXPORTER);
      attempt?.lost();
      assert.equal(states.at(-1), 'closed unfinished');
      for (const comes of [true, false]) {
        press(true);
        const other = window.begin(CALLER);
        other?.done(true);
        window.proven(CALLER, EXPORTER);
        const asked = ask();
        await clock.advance(buttonDoubt);
        await asked;
        window.listing(CALLER);
        other?.lost();
        window.close();
        assert.equal(states.at(-1), 'joining');
        if (comes) window.untold(CALLER, CALLER, 'Laptop');
        else window.notListed(CALLER);
        assert.equal(states.at(-1), comes ? 'closed untold' : 'closed unfinished');
        assert.throws(() => window.listing(CALLER), { code: 'not-allowed' });
      }
    });

    it('takes nothing for proven once it is closed', () => {
      press(true);
      const attempt = window.begin(CALLER);
      window.close();
      assert.throws(() => attempt?.done(true), { code: 'not-allowed' });
    });

    it('adds another one after the next press', async () => {
      for (const peer of [CALLER, SECOND]) {
        press(true);
        call(peer);
        const asked = ask(peer);
        await clock.advance(buttonDoubt);
        await asked;
        window.complete(peer, peer, 'Laptop');
        assert.equal(states.at(-1), 'paired');
      }
    });

    it('goes on after a call that broke', () => {
      call(CALLER, false);
      assert.equal(window.state.state, 'hosting');
      call();
      assert.equal(window.state.state, 'proven');
    });

    it('does not mind others any more once it adds one', async () => {
      call();
      const asked = ask();
      await clock.advance(buttonDoubt);
      await asked;
      window.look([presser('looking'), presser('looking', LOW, 'two')]);
      assert.equal(window.begin(SECOND), undefined);
      assert.equal(window.state.state, 'joining');
    });

    it('ends with its time, by the user, and by the next press', async () => {
      await clock.advance(buttonTime);
      assert.deepEqual(window.state, { state: 'closed', why: 'expired' });
      press(true);
      call();
      const asked = ask();
      window.close();
      await assert.rejects(asked, { code: 'not-allowed' });
      assert.deepEqual(window.state, { state: 'closed', why: 'by-user' });
      press(true);
      call();
      press(true);
      await assert.rejects(async () => window.admission(CALLER, NONCE, never), { code: 'not-allowed' });
    });
  });

  it('begins anew with each press: who was seen or has called before does not count', async () => {
    press(false);
    window.look([presser('button')]);
    press(false);
    window.look([presser('looking', LOW, 'two')]);
    assert.equal(window.state.state, 'found');
    press(true);
    call(CALLER, false);
    press(true);
    call(SECOND);
    assert.equal(window.state.state, 'proven');
  });

  it('has a word that no PIN is like', () => {
    assert.match(BUTTON_PIN, /\p{Cc}/u);
  });
});
