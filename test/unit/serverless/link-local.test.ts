import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { Duplex } from 'node:stream';
import type { TcpTarget } from '../../../src/xpmn/jingle/transports/tcp.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import type { Dialer } from '../../../src/xpmn/links/dialer.ts';
import { TurnedAway } from '../../../src/xpmn/links/turned-away.ts';
import type { Jid } from '../../../src/xpmn/model/jid.ts';
import type { StanzaChannel } from '../../../src/xpmn/ports/stanza-channel.ts';
import { ServerlessEndpoints } from '../../../src/xpmn/serverless/endpoints.ts';
import { createLinkLocalDialer } from '../../../src/xpmn/serverless/link-local-dialer.ts';
import { LinkLocalListener } from '../../../src/xpmn/serverless/link-local-listener.ts';
import type { LinkLocalListenerOptions } from '../../../src/xpmn/serverless/link-local-listener.ts';
import { contextFor } from '../../compliance/security.suite.ts';
import type { FakeOpen } from '../../fakes/fake-application.ts';
import { waitUntil } from '../../peers/wait.ts';
import { LinkDevice, linkParty } from '../../support/serverless-rig.ts';
import type { LinkParty } from '../../support/serverless-rig.ts';
import { lines } from '../../support/serverless-play.ts';
import { settings } from '../../support/settings.ts';
import { TrackedClock } from '../../support/tracked-clock.ts';

const never = new AbortController().signal;
const { listener: _listener, ...dial } = settings.directTcp;

describe('the local link', () => {
  let parties: Record<'alice' | 'bob' | 'carol', LinkParty>;
  let clock: TrackedClock;
  let endpoints: ServerlessEndpoints;
  let listener: LinkLocalListener;
  let turnedAway: TurnedAway;
  let sockets: Socket[];
  let servers: Server[];
  /** Where whom is said to be. */
  let said: Map<Jid, TcpTarget[]>;

  before(async () => {
    const [alice, bob, carol] = await Promise.all([linkParty('alice'), linkParty('bob'), linkParty('carol')]);
    parties = { alice, bob, carol };
  });

  beforeEach(() => {
    clock = new TrackedClock();
    endpoints = new ServerlessEndpoints();
    turnedAway = new TurnedAway(8);
    [sockets, servers, said] = [[], [], new Map()];
  });

  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
    await listener.close();
    await listener.close();
    await waitUntil('nothing is left', () => listener.halfOpen + clock.pending === 0);
    assert.equal(listener.port, undefined);
  });

  async function listen(options: Partial<LinkLocalListenerOptions> = {}): Promise<TcpTarget> {
    listener = new LinkLocalListener(
      { clock, random: systemRandom, log: silentLogger, endpointFor: (to) => endpoints.find(to) },
      { ...settings.directTcp.listener, ...settings.linkLocal, host: '127.0.0.1', ...options },
    );
    await listener.listen();
    return { host: '127.0.0.1', port: listener.port as number };
  }

  function answering(party: LinkParty, ...friends: readonly LinkParty[]): LinkDevice {
    const device = new LinkDevice(party, friends);
    endpoints.add(device, { isGateway: false });
    return device;
  }

  function dialer(own: LinkDevice, changes: Partial<Parameters<typeof createLinkLocalDialer>[0]> = {}): Dialer {
    return createLinkLocalDialer({
      clock, own, turnedAway, log: silentLogger,
      find: (peer) => said.get(peer) ?? [],
      isLinked: () => false,
      waysToBytes: () => [],
      ...changes,
    }, { ...settings.linkLocal, dial });
  }

  async function raw(target: TcpTarget): Promise<Socket> {
    const socket = connect(target);
    sockets.push(socket);
    socket.on('error', () => undefined).resume();
    await once(socket, 'connect');
    return socket;
  }

  /** A port where somebody else listens. */
  async function stranger(onSocket: (socket: Socket) => void): Promise<TcpTarget> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      onSocket(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    return { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  }

  const gone = (socket: Socket): Promise<unknown> => (socket.closed ? Promise.resolve() : once(socket, 'close'));

  it('carries a stream from one device to another of those behind a port', async () => {
    const target = await listen();
    const [bob, carol] = [answering(parties.bob, parties.alice), answering(parties.carol, parties.alice)];
    const alice = new LinkDevice(parties.alice, [parties.bob, parties.carol]);
    for (const device of [bob, carol]) {
      said.set(device.local, [target]);
      const { application, path } = await dialer(alice).openChannel(device.local, { signal: never });
      assert.equal(path, 'link-local');
      await waitUntil('it is open there, too', () => device.opened.length === 1);
      assert.deepEqual([device.opened[0]?.peer, device.opened[0]?.path], [alice.local, 'link-local']);
      assert.equal(listener.halfOpen, 0);
      const [ours, theirs] = [application as unknown as FakeOpen, device.opened[0]?.application as unknown as FakeOpen];
      ours.stream.write('hello');
      await waitUntil('it arrives', () => theirs.received === 'hello');
      ours.destroy(new XpmnError('aborted', 'Enough.'));
      await waitUntil('it ends there, too', () => theirs.closed.aborted);
    }
    assert.deepEqual([alice.streams.size, bob.streams.size, carol.streams.size], [0, 0, 0]);
  });

  it('shows no device to whom it is not for: nobody, by name', async () => {
    said.set(parties.carol.jid, [await listen()]);
    answering(parties.bob, parties.alice);
    const alice = new LinkDevice(parties.alice, [parties.carol]);
    await assert.rejects(dialer(alice).openChannel(parties.carol.jid, { signal: never }), { code: 'peer-unavailable' });
  });

  it('lets open streams live when the port is closed, and ends what is not open yet', async () => {
    const target = await listen();
    const bob = answering(parties.bob, parties.alice);
    said.set(bob.local, [target]);
    const { application } = await dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(bob.local, { signal: never });
    await waitUntil('it is open', () => bob.opened.length === 1);
    const waiting = await raw(target);
    await waitUntil('it is counted', () => listener.halfOpen === 1);
    await listener.close();
    await gone(waiting);
    assert.ok(!application.closed.aborted && !bob.opened[0]?.application.closed.aborted);
    application.destroy(new XpmnError('aborted', 'Enough.'));
  });

  it('ends a stream of a device that has stopped meanwhile', async () => {
    said.set(parties.bob.jid, [await listen()]);
    const bob = answering(parties.bob, parties.alice);
    bob.streams.close();
    const { application } = await dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(bob.local, { signal: never });
    await waitUntil('it ends', () => application.closed.aborted);
    assert.equal(bob.opened.length, 0);
  });

  it('takes a TLS handshake that does not wait for its turn, in one segment with what comes before it', async () => {
    const { alice, bob } = parties;
    const target = await listen();
    const device = answering(bob, alice);
    const socket = await raw(target);
    const said = lines.header(`from='${alice.jid}' to='${bob.jid}' version='1.0'`) +
      lines.starttls(lines.security(['x509'], `<fingerprint algo='sha1'>${alice.fingerprint}</fingerprint>`));
    const secured = await alice.x509.secure(behind(socket, Buffer.from(said), '</proceed>'), contextFor({ ...alice, method: alice.x509 }, { ...bob, method: bob.x509 }, 'initiator'));
    await waitUntil('it is open there', () => device.opened.length === 1);
    secured.stream.destroy();
  });

  it('is left by whoever hangs up, after any byte, and by whoever never stops', async () => {
    const target = await listen();
    answering(parties.bob, parties.alice);
    const agreed = lines.header(`from='${parties.alice.jid}' to='${parties.bob.jid}' version='1.0'`) + lines.starttls();
    for (let at = 0; at <= agreed.length; at += 1) {
      const socket = await raw(target);
      if (at % 2 === 0) socket.end(agreed.slice(0, at));
      else socket.write(agreed.slice(0, at), () => socket.resetAndDestroy());
      await gone(socket);
      await waitUntil('it is forgotten', () => listener.halfOpen === 0, { interval: 1 });
    }
    for (const flood of [lines.header().slice(0, -1) + ' a="'.padEnd(2 ** 20, 'x'), lines.header() + ' '.repeat(2 ** 20), lines.header() + '<a>'.repeat(2 ** 18), '\0'.repeat(2 ** 20)]) {
      const socket = await raw(target);
      socket.write(flood);
      await gone(socket);
    }
  });

  it('waits for what is to run on a stream only so long', async () => {
    said.set(parties.bob.jid, [await listen({ openTimeout: 50 })]);
    const bob = answering(parties.bob, parties.alice);
    bob.application.mode = 'stall';
    const { application } = await dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(bob.local, { signal: never });
    await waitUntil('it ends', () => application.closed.aborted);
    assert.deepEqual([bob.opened.length, bob.streams.size], [0, 0]);
  });

  describe('with too many who prove nothing', () => {
    it('refuses the newest of one address', async () => {
      const target = await listen({ halfOpenPerAddress: 2 });
      const first = [await raw(target), await raw(target)];
      await waitUntil('they are counted', () => listener.halfOpen === 2);
      await gone(await raw(target));
      assert.ok(first.every(({ destroyed }) => !destroyed));
      first[0]?.destroy();
      await waitUntil('there is room', () => listener.halfOpen === 1);
      const next = await raw(target);
      next.write(lines.header());
      await once(next, 'data');
    });

    it('ends the oldest of all', async () => {
      const target = await listen({ halfOpen: 2 });
      const [oldest, second] = [await raw(target), await raw(target)] as const;
      await waitUntil('they are counted', () => listener.halfOpen === 2);
      const bob = answering(parties.bob, parties.alice);
      said.set(bob.local, [target]);
      const { application } = await dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(bob.local, { signal: never });
      await gone(oldest);
      assert.ok(!second.destroyed);
      application.destroy(new XpmnError('aborted', 'Enough.'));
    });

    it('does not wait for them longer than it has to', async () => {
      const target = await listen({ negotiationTimeout: 50 });
      const silent = await raw(target);
      await gone(silent);
      assert.equal(listener.halfOpen, 0);
    });
  });

  describe('where somebody lies', () => {
    it('tries the peer\'s other addresses after that', async () => {
      const target = await listen();
      const bob = answering(parties.bob, parties.alice);
      const liars = [await stranger((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n>')), await stranger((socket) => socket.destroy())];
      said.set(bob.local, [...liars, target]);
      const { application } = await dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(bob.local, { signal: never });
      await waitUntil('it is open', () => bob.opened.length === 1);
      application.destroy(new XpmnError('aborted', 'Enough.'));
    });

    it('gives up after so many, and says what the last one did', async () => {
      let calls = 0;
      const liars = await Promise.all(Array.from({ length: settings.linkLocal.attempts + 1 }, () => stranger((socket) => {
        calls += 1;
        socket.end(lines.header("version='1.0'") + lines.features(''));
      })));
      said.set(parties.bob.jid, liars);
      await listen();
      await assert.rejects(dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(parties.bob.jid, { signal: never }), { code: 'security-failed' });
      assert.equal(calls, settings.linkLocal.attempts);
    });

    it('says what was answered, and not that nobody else answers', async () => {
      const closed = await listen();
      await listener.close();
      said.set(parties.bob.jid, [await stranger((socket) => socket.end(lines.header("version='1.0'") + lines.features(''))), closed]);
      await assert.rejects(dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(parties.bob.jid, { signal: never }), { code: 'security-failed' });
    });

    it('is not taken in by another device of the network', async () => {
      const target = await listen();
      const carol = new LinkDevice({ ...parties.carol, jid: parties.bob.jid }, [parties.alice]);
      endpoints.add(carol, { isGateway: false });
      said.set(parties.bob.jid, [target]);
      await assert.rejects(dialer(new LinkDevice(parties.alice, [parties.bob, parties.carol])).openChannel(parties.bob.jid, { signal: never }), { code: 'not-trusted' });
    });
  });

  it('reaches whom somebody says to be there, or who is linked already, and nobody else', async () => {
    await listen();
    const { alice, bob, carol } = parties;
    const own = new LinkDevice(alice, [bob]);
    said.set(bob.jid, [{ host: '127.0.0.1', port: 9 }]);
    assert.ok(dialer(own).reaches(bob.jid) && !dialer(own).reaches(carol.jid));
    const linked = dialer(own, { isLinked: (peer) => peer === carol.jid });
    assert.ok(linked.reaches(carol.jid));
    await assert.rejects(linked.openChannel(carol.jid, { signal: never }), { code: 'peer-unavailable' });
    await assert.rejects(linked.openChannel(bob.jid, { signal: never }), { code: 'transport-failed' });
    assert.equal(await linked.upgradeChannel(bob.jid, {} as StanzaChannel, { signal: never }), undefined);
  });

  it('hands byte streams to what negotiates them', async () => {
    await listen();
    const via = {} as StanzaChannel;
    const asked: unknown[] = [];
    const ways: never[] = [];
    const made = dialer(new LinkDevice(parties.alice, []), { waysToBytes: (...args) => (asked.push(...args), ways) });
    assert.equal(made.waysToBytes(parties.bob.jid, via), ways);
    assert.deepEqual(asked, [parties.bob.jid, via]);
  });

  it('shows who we are to whom did not let us in the last time', async () => {
    said.set(parties.bob.jid, [await listen()]);
    const bob = answering(parties.bob, parties.alice);
    const { securities } = bob;
    const alice = new LinkDevice(parties.alice, [parties.bob]);
    const introduced: boolean[] = [];
    const accept = alice.accept.bind(alice);
    Object.assign(alice, { accept: (leaf: Buffer, peer: Jid, _signal: AbortSignal, { introduce }: { introduce: boolean }) => (introduced.push(introduce), accept(leaf, peer)) });
    bob.securities = [];
    await assert.rejects(dialer(alice).openChannel(bob.local, { signal: never }), { code: 'security-failed' });
    bob.securities = securities;
    for (let i = 0; i < 2; i += 1) {
      const { application } = await dialer(alice).openChannel(bob.local, { signal: never });
      await application.close({ signal: never });
    }
    assert.deepEqual(introduced, [true, false]);
  });

  it('is left at once when nobody wants it any more', async () => {
    await listen();
    const arrived = new Promise<Socket>((resolve) => void stranger(resolve).then((target) => said.set(parties.bob.jid, [target])));
    await waitUntil('it listens', () => said.size === 1);
    const controller = new AbortController();
    const opening = dialer(new LinkDevice(parties.alice, [parties.bob])).openChannel(parties.bob.jid, { signal: controller.signal });
    const socket = await arrived;
    controller.abort(new XpmnError('not-running', 'Enough.'));
    await assert.rejects(opening, { code: 'not-running' });
    await gone(socket.resume());
  });
});

/** What TLS sees of `socket`: what it writes first goes out behind `before`, and nothing comes back to it up to `until`. */
function behind(socket: Socket, before: Buffer, until: string): Duplex {
  let [waiting, skipped]: [Buffer, string | undefined] = [before, ''];
  const inner = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _encoding, done) {
      socket.write(Buffer.concat([waiting, chunk]), () => done());
      waiting = Buffer.alloc(0);
    },
  });
  socket.on('data', (bytes: Buffer) => {
    if (skipped === undefined) return void inner.push(bytes);
    skipped += bytes.toString('latin1');
    const at = skipped.indexOf(until);
    if (at < 0) return;
    inner.push(Buffer.from(skipped.slice(at + until.length), 'latin1'));
    skipped = undefined;
  });
  socket.once('close', () => inner.destroy());
  return inner;
}
