import assert from 'node:assert/strict';
import { duplexPair } from 'node:stream';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { createAcceptor } from '../../../src/xpmn/links/acceptor.ts';
import type { Acceptor } from '../../../src/xpmn/links/acceptor.ts';
import type { PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { Opening } from '../../../src/xpmn/ports/security.ts';
import type { Role } from '../../../src/xpmn/ports/transport.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import { listsElement } from '../../../src/xpmn/trust/signed-list.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { FakeClock, settle } from '../../support/fake-clock.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';
import { NOW, contentOf, device, list, options, somebody } from '../trust/world.ts';
import type { Somebody } from '../trust/world.ts';

const never = new AbortController().signal;
const HEADER = '<?xml version=\'1.0\'?><stream:stream>';
const [nasJid, tvJid] = ['romeo@home.test/nas', 'romeo@home.test/tv'].map(parseJid) as [Jid, Jid];
const { strangerTimeout } = settings.gateway;

/** One device as this test needs it: what it knows, and its end of the stream. */
interface Side {
  readonly lists: ListStore;
  readonly acceptor: Acceptor;
  readonly verdict: (peer: Somebody, changes?: Partial<Opening>) => Promise<PeerIdentity>;
  readonly stream: Duplex;
}

describe('accepting a peer by the lists that it shows', () => {
  let user: Somebody;
  let nas: Somebody;
  let tv: Somebody;
  let mallory: Somebody;
  let clock: FakeClock;
  let ends: [Duplex, Duplex];
  let quiet: number[];
  let both: VerifiedList;
  let nasOnly: VerifiedList;
  let tvOnly: VerifiedList;

  before(async function () {
    this.timeout(60_000);
    [user, nas, tv, mallory] = await Promise.all(['shown user', 'shown nas', 'shown tv', 'shown mallory'].map(somebody)) as [Somebody, Somebody, Somebody, Somebody];
    nasOnly = list('devices', user, { devices: [device(nas, nasJid)] });
    tvOnly = list('devices', user, { devices: [device(tv, tvJid)] });
    both = list('devices', user, { devices: [device(nas, nasJid), device(tv, tvJid)], issued: NOW + 1000 });
  });

  beforeEach(() => {
    clock = new FakeClock(NOW);
    ends = duplexPair();
    for (const end of ends) end.on('error', () => undefined);
    quiet = listeners(ends[0]);
  });

  async function side(role: Role, known: readonly VerifiedList[], lookUp: () => Promise<void> = () => Promise.resolve()): Promise<Side> {
    const lists = await ListStore.open({ storage: new MemoryStorage(), clock }, options, user.name);
    await lists.offerAll(known.map(({ element }) => element));
    const limits = { ...settings.gateway, presented: settings.xml.presentedLists };
    const acceptor = createAcceptor({ lists, clock, log: silentLogger, lookUp }, limits);
    const stream = ends[role === 'initiator' ? 0 : 1];
    const [local, theirs] = role === 'initiator' ? [tvJid, nasJid] : [nasJid, tvJid];
    return {
      lists, acceptor, stream,
      verdict: (peer, changes = {}) => {
        const verdict = acceptor.accept(peer.leaf, theirs, never, { stream, role, local, application: NS.xmlStream, introduce: false, isVouchedFor: false, ...changes });
        verdict.catch(() => undefined);
        return verdict;
      },
    };
  }

  const refused = (promise: Promise<unknown>, code: ErrorCode = 'not-trusted'): Promise<void> =>
    assert.rejects(promise, (error) => error instanceof XpmnError && (assert.equal(error.code, code), true));
  const shownBy = (...lists: readonly VerifiedList[]): string => serialise(listsElement(lists));
  const sentTo = (stream: Duplex): string => (stream.read() as Buffer | null)?.toString() ?? '';
  const listeners = (stream: Duplex): number[] => ['readable', 'close', 'data'].map((event) => stream.listenerCount(event));
  const unheard = (stream: Duplex): void => {
    assert.deepEqual(listeners(stream), quiet);
    assert.equal(clock.pending, 0);
  };

  describe('when both know each other', () => {
    it('adds nothing to the bytes: the initiator waits for nothing', async () => {
      const [a, b] = [await side('initiator', [both]), await side('responder', [both])];
      assert.equal((await a.verdict(nas)).verdict, 'own');
      assert.equal(sentTo(b.stream), '');
      a.stream.write(HEADER);
      assert.equal((await b.verdict(tv)).verdict, 'own');
      assert.equal(sentTo(b.stream), HEADER);
      assert.equal(sentTo(a.stream), '');
      unheard(a.stream);
    });

    it('does not look at what is no XML stream', async () => {
      const b = await side('responder', [both]);
      assert.equal((await b.verdict(tv, { application: NS.outOfBand })).verdict, 'own');
    });

    it('lets the initiator take its time', async () => {
      const b = await side('responder', [both]);
      const verdict = b.verdict(tv);
      await clock.advance(2 * strangerTimeout);
      ends[0].write(HEADER);
      assert.equal((await verdict).verdict, 'own');
      unheard(b.stream);
    });

    it('gives up with the signal, and listens no more', async () => {
      const b = await side('responder', [both]);
      const leave = new AbortController();
      const verdict = b.acceptor.accept(tv.leaf, tvJid, leave.signal, { stream: b.stream, role: 'responder', local: nasJid, application: NS.xmlStream, introduce: false, isVouchedFor: false });
      await settle();
      leave.abort(new XpmnError('aborted', 'Enough.'));
      await refused(verdict, 'aborted');
      unheard(b.stream);
    });

    it('judges anew what has changed while the initiator took its time', async () => {
      const b = await side('responder', [both]);
      const verdict = b.verdict(tv);
      await b.lists.offer(list('devices', user, { devices: [device(nas, nasJid)], removed: [tv], issued: NOW + 2000 }).element);
      ends[0].write(HEADER);
      await refused(verdict);
    });
  });

  it('accepts an initiator that the responder did not know, by what it shows; both know the newest then', async () => {
    const [a, b] = [await side('initiator', [both]), await side('responder', [nasOnly])];
    const [atA, atB] = [a.verdict(nas, { introduce: true }), b.verdict(tv)];
    assert.deepEqual([(await atA).verdict, (await atB).verdict], ['own', 'own']);
    assert.deepEqual(b.lists.snapshot.lists, [both]);
    a.stream.write(HEADER);
    await settle();
    assert.equal(sentTo(b.stream), HEADER);
    assert.equal(sentTo(a.stream), '');
    unheard(a.stream);
    unheard(b.stream);
  });

  it('accepts a responder that the initiator did not know', async () => {
    const [a, b] = [await side('initiator', [tvOnly]), await side('responder', [both])];
    const [atA, atB] = [a.verdict(nas), b.verdict(tv)];
    assert.deepEqual([(await atA).verdict, (await atB).verdict], ['own', 'own']);
  });

  it('accepts each other where neither knew the other, if servers vouch for the responder\'s account', async () => {
    const hosts = [device(nas, nasJid, { roles: 'host' })];
    const newer = list('devices', user, { devices: [...hosts, device(tv, tvJid)], issued: NOW + 1000 });
    const hosted = list('hosted', user, { devices: [device(mallory, 'romeo@home.test/radio')] }, nas);
    const [a, b] = [await side('initiator', [newer]), await side('responder', [list('devices', user, { devices: hosts }), hosted])];
    const called = a.acceptor.accept(mallory.leaf, parseJid('romeo@home.test/radio'), never, { stream: a.stream, role: 'initiator', local: tvJid, application: NS.xmlStream, introduce: false, isVouchedFor: true });
    const answered = b.acceptor.accept(tv.leaf, tvJid, never, { stream: b.stream, role: 'responder', local: parseJid('romeo@home.test/radio'), application: NS.xmlStream, introduce: false, isVouchedFor: true });
    assert.deepEqual([(await called).verdict, (await answered).verdict], ['own-hosted', 'own']);
  });

  it('accepts a hosted device by two lists, and a list that came with the application\'s first bytes', async () => {
    const devices = list('devices', user, { devices: [device(nas, nasJid), device(mallory, 'romeo@home.test/host', { roles: 'host' })], issued: NOW + 1000 });
    const hosted = list('hosted', user, { devices: [device(tv, tvJid)] }, mallory);
    const b = await side('responder', [nasOnly]);
    ends[0].write(shownBy(devices, hosted) + HEADER);
    assert.equal((await b.verdict(tv)).verdict, 'own-hosted');
    assert.equal(sentTo(b.stream), HEADER);
    assert.equal(sentTo(ends[0]), shownBy(devices), 'the responder is no hosted device');
  });

  it('does not need the look-up to end', async () => {
    const silence = (): Promise<void> => new Promise(() => undefined);
    const b = await side('responder', [nasOnly], silence);
    const verdict = b.verdict(tv);
    ends[0].write(shownBy(both));
    await clock.advance(settings.gateway.lookUpTimeout);
    assert.equal((await verdict).verdict, 'own');
    assert.ok(settings.gateway.lookUpTimeout < strangerTimeout);
  });

  describe('turns away a stranger, and shows it nothing,', () => {
    let b: Side;
    let verdict: Promise<PeerIdentity>;
    beforeEach(async () => {
      b = await side('responder', [nasOnly]);
      verdict = b.verdict(mallory);
      await settle();
    });
    afterEach(async () => {
      await refused(verdict);
      assert.equal(sentTo(ends[0]), '');
      assert.deepEqual(b.lists.snapshot.lists, [nasOnly]);
      unheard(b.stream);
    });

    it('that says nothing', () => clock.advance(strangerTimeout));

    it('that begins its stream', () => void ends[0].write(HEADER));

    it('whose lists are another network\'s', () => {
      const foreign = list('devices', mallory, { devices: [device(mallory, tvJid)] });
      ends[0].write(shownBy(foreign));
    });

    it('whose lists it signed in the user\'s name', () => {
      const forged = list('devices', mallory, { devices: [device(mallory, tvJid)] }).element;
      const name = forged.children.map((part) => (typeof part === 'object' && part.name === 'signature' ? { ...part, attrs: { ...part.attrs, key: user.name } } : part));
      ends[0].write(serialise({ ...listsElement([]), children: [{ ...forged, children: name }] }));
    });

    it('whose lists are changed after they were signed', () => {
      const other = list('devices', user, { ...contentOf('devices', user, {}), friends: [], removed: [], devices: [device(mallory, tvJid)], issued: NOW + 2000 });
      const text = shownBy(other);
      const at = text.indexOf('<data>') + 100;
      ends[0].write(text.slice(0, at) + (text[at] === 'A' ? 'B' : 'A') + text.slice(at + 1));
    });

    it('whose lists name it no more than ours do', () => void ends[0].write(shownBy(nasOnly)));

    it('whose lists are too large', () => void ends[0].write(`<lists xmlns='urn:xmpp:xpmn:trust:0'>${'x'.repeat(settings.xml.presentedLists.bytes)}`));

    it('whose lists are too many', () => void ends[0].write(shownBy(nasOnly, nasOnly, nasOnly)));

    it('whose lists are no XML', () => void ends[0].write('<lists><</lists>'));

    it('whose lists come a byte at a time, too slowly', async () => {
      for (const character of shownBy(nasOnly).slice(0, 50)) {
        ends[0].write(character);
        await clock.advance(strangerTimeout / 50);
      }
    });

    it('that goes away in the middle', () => void ends[0].end('<lists xmlns='));

    it('that breaks off', () => void b.stream.destroy());
  });

  describe('turns away a responder', () => {
    for (const introduce of [false, true]) it(`that is a stranger and shows nothing; nor is it shown a list on the local link${introduce ? ', also if it has turned us away' : ''}`, async () => {
      const a = await side('initiator', [tvOnly]);
      const verdict = a.verdict(nas, { introduce });
      await clock.advance(strangerTimeout);
      await refused(verdict);
      assert.equal(sentTo(ends[1]), shownBy());
      unheard(a.stream);
    });

    it('that is a stranger and shows nothing, though servers vouch for its account', async () => {
      const a = await side('initiator', [tvOnly]);
      const verdict = a.verdict(nas, { isVouchedFor: true });
      await clock.advance(strangerTimeout);
      await refused(verdict);
      assert.equal(sentTo(ends[1]), shownBy(tvOnly), 'the one who calls shows first');
    });

    it('that has another account\'s name, and shows it no list either', async () => {
      const a = await side('initiator', [tvOnly]);
      const verdict = a.acceptor.accept(nas.leaf, parseJid('juliet@evil.test/nas'), never, { stream: a.stream, role: 'initiator', local: tvJid, application: NS.xmlStream, introduce: true, isVouchedFor: true });
      const told = refused(verdict);
      await clock.advance(strangerTimeout);
      await told;
      assert.equal(sentTo(ends[1]), shownBy());
    });

    it('that is a stranger and begins its stream', async () => {
      const a = await side('initiator', [tvOnly]);
      const verdict = a.verdict(nas);
      ends[1].write(HEADER);
      await refused(verdict);
    });

    it('that is a stranger, over bytes, without showing it anything', async () => {
      const a = await side('initiator', [tvOnly]);
      await refused(a.verdict(nas, { application: NS.outOfBand }));
      assert.equal(sentTo(ends[1]), '');
    });

    it('that is known, was shown who we are, and says nothing to that', async () => {
      const a = await side('initiator', [both]);
      const verdict = a.verdict(nas, { introduce: true });
      await clock.advance(strangerTimeout);
      await refused(verdict, 'security-failed');
      assert.equal(sentTo(ends[1]), shownBy(both));
    });

    it('whose lists say that it was removed', async () => {
      const a = await side('initiator', [both]);
      ends[1].write(shownBy(list('devices', user, { devices: [device(tv, tvJid)], removed: [nas], issued: NOW + 2000 })));
      await refused(a.verdict(nas, { introduce: true }));
    });
  });

  describe('of a device that was removed', () => {
    let removal: VerifiedList;
    let later: VerifiedList;
    before(() => {
      removal = list('devices', user, { devices: [device(nas, nasJid)], removed: [tv], issued: NOW + 2000 });
      later = list('devices', user, { devices: [device(nas, nasJid), device(mallory, 'romeo@home.test/new')], removed: [tv], removedAt: NOW + 2000, issued: NOW + 60_000 });
    });

    it('answers who shows its lists with the one that removed it, and waits until it has heard that', async () => {
      const b = await side('responder', [both, removal, later]);
      const verdict = b.verdict(tv);
      const a = await side('initiator', [both]);
      assert.ok(a.lists.judge(nas.leaf, nasJid).verdict === 'own');
      const called = a.verdict(nas, { introduce: true });
      await called;
      assert.deepEqual(a.lists.snapshot.lists, [removal], 'of what came after that it hears nothing');
      assert.equal(a.lists.judge(tv.leaf, tvJid).verdict, 'stranger');
      let isOver = false;
      void verdict.catch(() => (isOver = true));
      await settle();
      assert.equal(isOver, false, 'the stream is not torn away from it');
      a.stream.write(HEADER);
      a.stream.resume().end();
      await refused(verdict);
      unheard(b.stream);
    });

    it('does not wait for ever', async () => {
      const b = await side('responder', [both, removal]);
      const verdict = b.verdict(tv);
      ends[0].write(shownBy(both));
      await settle();
      await clock.advance(strangerTimeout);
      await refused(verdict);
      assert.equal(sentTo(ends[0]), shownBy(removal));
      assert.equal(clock.pending, 0);
    });

    it('says nothing to who shows nothing, to another key under its name, and where the list is not at hand', async () => {
      for (const [known, leaf, said] of [[[removal], tv, HEADER], [[removal], mallory, shownBy(both)], [[later], tv, shownBy(both)]] as const) {
        ends = duplexPair();
        const b = await side('responder', known);
        const verdict = b.verdict(leaf);
        ends[0].write(said);
        await refused(verdict);
        assert.equal(sentTo(ends[0]), '');
      }
    });

    it('shows it that list and no other where it was to be called', async () => {
      const a = await side('initiator', [both, removal, later]);
      const verdict = a.acceptor.accept(tv.leaf, tvJid, never, { stream: ends[0], role: 'initiator', local: nasJid, application: NS.xmlStream, introduce: false, isVouchedFor: false });
      await settle();
      assert.equal(sentTo(ends[1]), shownBy(removal));
      ends[1].resume().end();
      await refused(verdict);
    });
  });

  it('is a request to be shown in turn, of whoever was accepted at once, too', async () => {
    const b = await side('responder', [both]);
    ends[0].write(xmlText());
    assert.equal((await b.verdict(tv)).verdict, 'own');
    assert.equal(sentTo(ends[0]), shownBy(both));
    assert.equal(sentTo(b.stream), HEADER);
  });

  function xmlText(): string {
    return serialise(xml('lists', NS.trust)) + HEADER;
  }
});
