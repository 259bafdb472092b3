import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { elements } from '../../src/xpmn/model/xml.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import { FakeXmppServer } from '../fakes/fake-xmpp-server.ts';
import { MemoryDevices } from '../fakes/memory-devices.ts';
import { MemoryLibrary } from '../fakes/memory-library.ts';
import { waitUntil } from '../peers/wait.ts';
import { firstNetwork, nextNetwork, testGateway } from '../support/gateways.ts';
import type { TestAccount } from '../support/gateways.ts';

const never = new AbortController().signal;
const account: TestAccount = { jid: 'romeo@home.test', password: 'secret', host: '', port: 0, ca: '' };
/** More than all windows and buffers on the way can hold. */
const film = randomBytes(48 << 20);

/** A gateway of the owner's, with one library of its own. */
interface Place {
  readonly network: Network;
  readonly gateway: MediaGateway;
  readonly library: Jid;
}

/** A film that is being watched, and paused: so far only its beginning was read. */
interface Watching {
  /** Reads on to the end. */
  rest(): Promise<Buffer>;
}

describe('a list that removes a device', function () {
  this.timeout(60_000);
  let server: FakeXmppServer;
  let home: Place;
  const running: MediaGateway[] = [];

  beforeEach(async () => {
    server = new FakeXmppServer();
    server.addAccount(parseJid(account.jid), account.password);
    home = await place(await firstNetwork(account), 'home');
  });
  afterEach(async () => {
    await Promise.all(running.splice(0).map((gateway) => gateway.stop()));
  });

  async function place(network: Network, name: string): Promise<Place> {
    const devices = new MemoryDevices();
    const gateway = testGateway(network, account, {
      server, sources: [devices],
      change: (settings) => ({ ...settings, mediaPort: { ...settings.mediaPort, resume: { ...settings.mediaPort.resume, attempts: 2, firstDelay: 1 } } }),
    });
    running.push(gateway);
    await gateway.start({ signal: never });
    const library = new MemoryLibrary();
    library.addItem('film', 'The Duel', film);
    devices.appear({ description: { id: `uuid:${name}`, name, kind: 'media-server' }, library });
    await waitUntil(`${name} has its library`, () => network.hostedDevices.size === 1);
    return { network, gateway, library: [...network.hostedDevices.values()][0]?.jid as Jid };
  }
  const another = async (name: string): Promise<Place> => place(await nextNetwork(home.network, name), name);

  const list = (from: Place, of: Place): Promise<unknown> => from.gateway.browse(of.library, { container: 'root', offset: 0, limit: 10 }, never);
  async function meet(from: Place, of: Place): Promise<void> {
    await waitUntil('the library is seen', () => from.gateway.devices().some(({ jid, isAvailable }) => jid === of.library && isAvailable));
    await list(from, of);
  }
  const pathOf = (from: Place, of: Place): string | undefined => from.gateway.devices().find(({ jid }) => jid === of.library)?.path;

  async function watch(from: Place, of: Place): Promise<Watching> {
    await meet(from, of);
    const { url } = await from.gateway.url({ device: of.library, uid: 'film' }, { signal: never });
    const reader = ((await fetch(url)).body as ReadableStream<Uint8Array>).getReader();
    const parts = [(await reader.read()).value as Uint8Array];
    return {
      rest: async () => {
        for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
        return Buffer.concat(parts);
      },
    };
  }

  /** It can't list any more: neither on a stream that was open, nor on a new one. */
  async function turnedAway(who: Place, of: Place): Promise<void> {
    await waitUntil('it is turned away', () => list(who, of).then(() => false, (error: unknown) => {
      assert.ok(error instanceof XpmnError);
      return ['security-failed', 'not-trusted', 'peer-unavailable', 'connection-lost'].includes(error.code);
    }));
    await assert.rejects(list(who, of));
  }

  const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex');

  it('ends what that device has under way, in the middle, and nothing of the others', async () => {
    const [lost, kept] = [await another('lost'), await another('kept')];
    const stolen = await watch(lost, home);
    const mine = await watch(kept, home);
    await home.network.removeDevice(lost.network.gateway.key);
    await assert.rejects(stolen.rest());
    assert.equal(hash(await mine.rest()), hash(film));
    await turnedAway(lost, home);
    assert.equal(pathOf(lost, home), undefined);
    await list(kept, home);
  });

  /** Nothing is published any more: who reads, reads what was. */
  const keepBack = (): void => void (server.onStanza = (stanza) => stanza.attrs['type'] === 'set' && elements(stanza).some(({ ns }) => ns.startsWith('http://jabber.org/protocol/pubsub')));

  /** From here on it hears of nothing. */
  const deaf = ({ network }: Place): void => void (network.lists.offerAll = () => Promise.resolve([]));

  it('ends what a device has under way that does not want to hear of it', async () => {
    const lost = await another('lost');
    const stolen = await watch(lost, home);
    deaf(lost);
    keepBack();
    await home.network.removeDevice(lost.network.gateway.key);
    await assert.rejects(stolen.rest());
    await turnedAway(lost, home);
    assert.ok(lost.network.isMember, 'it knows nothing');
  });

  it('is obeyed by that device, even where nobody else has heard of it', async () => {
    const [lost, nas] = [await another('lost'), await another('nas')];
    const mine = await watch(lost, nas);
    const news = await home.network.removeDevice(lost.network.gateway.key);
    for (const place of [nas, home]) deaf(place);
    await lost.network.lists.offer(news.element);
    await assert.rejects(mine.rest());
  });

  it('ends what others have under way to the devices that it hosted', async () => {
    const [lost, kept] = [await another('lost'), await another('kept')];
    const film1 = await watch(kept, lost);
    await home.network.removeDevice(lost.network.gateway.key);
    await assert.rejects(film1.rest());
    await waitUntil('it is forgotten', () => !kept.gateway.devices().some(({ jid }) => jid === lost.library));
    await turnedAway(kept, lost);
    await list(kept, home);
  });

  it('reaches a device through another one, though the server keeps it back', async () => {
    const [lost, nas, between] = [await another('lost'), await another('nas'), await another('between')];
    await meet(lost, nas);
    await meet(home, between);
    await meet(between, nas);
    assert.equal(pathOf(home, nas), undefined);
    const stolen = await watch(lost, nas);
    const before = server.handled.length;
    keepBack();
    await home.network.removeDevice(lost.network.gateway.key);
    await assert.rejects(stolen.rest());
    await turnedAway(lost, nas);
    await list(between, nas);
    // Hints may pass: they say that a list has changed, and carry none.
    const passed = server.handled.slice(before).filter((text) => text.includes('<signed') && !text.includes('pubsub'));
    assert.deepEqual(passed, [], 'the lists went end to end');
  });

  it('does not come back with an older list', async () => {
    const lost = await another('lost');
    await meet(lost, home);
    const older = home.network.lists.snapshot.lists.map(({ element }) => element);
    await home.network.removeDevice(lost.network.gateway.key);
    for (const outcome of await home.network.lists.offerAll(older)) assert.notEqual(outcome.outcome, 'accepted');
    await turnedAway(lost, home);
  });
});
