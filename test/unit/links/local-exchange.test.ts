import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ByteSession, Dialer, Opened, SecuredChannel } from '../../../src/xpmn/links/dialer.ts';
import { LocalExchange } from '../../../src/xpmn/links/local-exchange.ts';
import type { LocalEndpoint } from '../../../src/xpmn/links/local-exchange.ts';
import { PathMemory, pathOf } from '../../../src/xpmn/links/path.ts';
import type { PeerIdentity } from '../../../src/xpmn/model/identity.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { FakeApplication } from '../../fakes/fake-application.ts';
import type { FakeOpen } from '../../fakes/fake-application.ts';
import { FakeRandom, settle } from '../../support/fake-clock.ts';
import { identity, securedPair } from '../../support/secured-pair.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
const via = {} as StanzaChannel;

interface Place {
  readonly endpoint: LocalEndpoint;
  readonly identity: PeerIdentity;
  readonly channels: FakeApplication;
  readonly bytes: FakeApplication;
  /** What others opened to it. */
  readonly opened: { kind: 'channel' | 'bytes'; peer: Jid; application: FakeOpen; path: string }[];
}

function place(jid: string, key: string): Place {
  const opened: Place['opened'] = [];
  const [channels, bytes] = [new FakeApplication('urn:channel'), new FakeApplication('urn:bytes')];
  const who = identity(jid, key);
  const note = (kind: 'channel' | 'bytes') => (peer: Jid, { application, path }: Opened<SecuredChannel>): void =>
    void opened.push({ kind, peer, application: application as unknown as FakeOpen, path });
  // The applications are byte streams; what runs on them does not matter here.
  const endpoint = { identity: who, channelMethod: channels, bytesMethod: bytes, onChannel: note('channel'), onBytes: note('bytes') } as unknown as LocalEndpoint;
  return { endpoint, identity: who, channels, bytes, opened };
}

async function openBytes(dialer: Dialer, peer: Jid): Promise<Opened<ByteSession>> {
  const [way, ...more] = dialer.waysToBytes(peer, via);
  assert.ok(way && more.length === 0);
  return way({ signal: never });
}

describe('devices of one process', () => {
  let exchange: LocalExchange;
  let tv: Place;
  let nas: Place;

  beforeEach(() => {
    exchange = new LocalExchange({ random: new FakeRandom() }, settings.inProcess);
    [tv, nas] = [place('me@home.test/tv', 'a'), place('me@home.test/nas', 'b')];
    for (const { endpoint } of [tv, nas]) exchange.add(endpoint);
  });

  it('open streams to each other, and each knows the other', async () => {
    const dialer = exchange.dialerFor(tv.endpoint);
    const channel = await dialer.openChannel(nas.identity.jid, { signal: never });
    const bytes = await openBytes(dialer, nas.identity.jid);
    assert.deepEqual([channel.path, bytes.path], ['in-process', 'in-process']);
    assert.deepEqual(nas.opened.map(({ kind, peer, path }) => [kind, peer, path]), [['channel', tv.identity.jid, 'in-process'], ['bytes', tv.identity.jid, 'in-process']]);
    const [ours, theirs] = [tv.channels.opened[0] as FakeOpen, nas.opened[0]?.application as FakeOpen];
    assert.deepEqual([ours.secured.peer, theirs.secured.peer], [nas.identity, tv.identity]);
    assert.deepEqual([ours.secured.role, theirs.secured.role, ours.secured.method], ['initiator', 'responder', 'in-process']);
    ours.stream.write('hello');
    await settle();
    assert.equal(theirs.received, 'hello');
    ours.destroy(new Error('enough'));
    await settle();
    assert.ok(theirs.closed.aborted);
  });

  it('reach whoever is there, and nobody else', async () => {
    const dialer = exchange.dialerFor(tv.endpoint);
    assert.ok(dialer.reaches(nas.identity.jid));
    assert.equal(await dialer.upgradeChannel(nas.identity.jid, via, { signal: never }), undefined);
    exchange.remove(nas.identity.jid);
    assert.ok(!dialer.reaches(nas.identity.jid) && !exchange.has(nas.identity.jid));
    for (const open of [dialer.openChannel(nas.identity.jid, { signal: never }), openBytes(dialer, nas.identity.jid)]) {
      await assert.rejects(open, { code: 'peer-unavailable' });
    }
  });

  it('leave nothing open when one side fails or is aborted', async () => {
    const dialer = exchange.dialerFor(tv.endpoint);
    nas.channels.mode = 'fail';
    await assert.rejects(dialer.openChannel(nas.identity.jid, { signal: never }), { code: 'xml-restricted' });
    await settle();
    assert.ok(tv.channels.opened.every(({ closed }) => closed.aborted));
    assert.equal(nas.opened.length, 0);
    nas.channels.mode = 'stall';
    const abort = new AbortController();
    const opening = dialer.openChannel(nas.identity.jid, { signal: abort.signal });
    opening.catch(() => undefined);
    await settle();
    abort.abort(new XpmnError('aborted', 'Enough.'));
    await assert.rejects(opening, { code: 'aborted' });
    await settle();
    assert.ok(tv.channels.opened.every(({ closed }) => closed.aborted));
  });
});

describe('paths', () => {
  it('are known by the stream', () => {
    const { initiator } = securedPair();
    assert.equal(pathOf(initiator), 'in-process');
    assert.equal(pathOf({ ...initiator, method: 'x509' }), 'in-band');
    const onSocket = Object.assign(Object.create(initiator.stream) as typeof initiator.stream, { remoteAddress: '192.0.2.1' });
    assert.equal(pathOf({ ...initiator, method: 'x509', stream: onSocket }), 'direct');
  });

  it('are on the local link where a socket was negotiated in a stream there', async () => {
    const paths = new PathMemory();
    const inner = new FakeApplication('urn:x');
    const onSocket = Object.assign(Object.create(securedPair().initiator.stream) as Duplex, { remoteAddress: '192.0.2.1' });
    const application = await paths.watch(inner).open({ ...securedPair().initiator, method: 'x509', stream: onSocket }, inner.describe(), { signal: never });
    const inBand = await paths.watch(inner).open({ ...securedPair().initiator, method: 'x509' }, inner.describe(), { signal: never });
    const onLink = {} as StanzaChannel;
    paths.onLink(onLink);
    assert.deepEqual([paths.of(application), paths.of(application, via), paths.of(application, onLink)], ['direct', 'direct', 'link-local']);
    assert.equal(paths.of(inBand, onLink), 'in-band');
  });

  it('are remembered by the application, and are the worst where nothing is known', async () => {
    const paths = new PathMemory();
    const inner = new FakeApplication('urn:x');
    const watched = paths.watch(inner);
    assert.deepEqual([watched.namespace, watched.contentName, watched.describe().ns], ['urn:x', 'fake', 'urn:x']);
    const application = await watched.open(securedPair().initiator, watched.describe(), { signal: never });
    assert.equal(paths.of(application), 'in-process');
    assert.equal(paths.of(inner.opened[0] as FakeOpen), 'in-process');
    assert.equal(paths.of(new FakeApplication('urn:y') as unknown as FakeOpen), 'in-band');
    inner.mode = 'fail';
    await assert.rejects(watched.open(securedPair().initiator, watched.describe(), { signal: never }));
  });
});
