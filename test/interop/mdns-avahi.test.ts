import assert from 'node:assert/strict';
import type { FoundService } from '../../src/xpmn/ports/service-discovery.ts';
import { startAvahi } from '../peers/avahi.ts';
import type { Avahi, Resolved } from '../peers/avahi.ts';
import { createLan } from '../peers/lan.ts';
import type { Host, Lan } from '../peers/lan.ts';
import { startProcess } from '../peers/process.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';
import { startAgent as startOne } from './discovery-agents.ts';
import type { Agent } from './discovery-agents.ts';

/** Prints the hop limits with which packets of multicast DNS arrive, and with which a question of its own is answered. */
const HOPS = `import socket, struct, sys
name, own = sys.argv[1:]
index = socket.if_nametoindex(name)
four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
four.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
four.setsockopt(socket.IPPROTO_IP, 12, 1)
four.bind(('224.0.0.251', 5353))
four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.251') + socket.inet_aton(own))
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
six.setsockopt(socket.IPPROTO_IPV6, 51, 1)
six.bind(('ff02::fb', 5353, 0, index))
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, socket.inet_pton(socket.AF_INET6, 'ff02::fb') + struct.pack('@I', index))
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.setsockopt(socket.IPPROTO_IP, 12, 1)
print('ready', flush=True)
def limit(one):
    _, control, _, _ = one.recvmsg(9000, 100)
    return struct.unpack('@i', control[0][2])[0]
print('hops', limit(four), limit(six), flush=True)
asker.settimeout(10)
for ask in range(20):
    asker.sendto(bytes.fromhex('00070000000100000000000009' + b'_presence'.hex() + '04' + b'_tcp'.hex() + '05' + b'local'.hex() + '00000c0001'), ('224.0.0.251', 5353))
    asker.settimeout(0.5)
    try:
        print('direct', limit(asker), flush=True)
        break
    except TimeoutError:
        pass
`;

const NAME = 'living-room.tv 2.1@verona äöü';
const TXT = { txtvers: '1', jid: 'romeo@montague.lit/tv', net: 'k3fq', status: 'avail' };

describe('multicast DNS and avahi', function () {
  this.timeout(120_000);
  let lan: Lan;
  /** Another machine with avahi, our machine, and one where both are. */
  let [there, here, both] = [] as unknown as [Host, Host, Host];
  let avahi: Avahi;
  let beside: Avahi;
  const agents: ManagedProcess[] = [];

  before(async () => {
    lan = await createLan({ hosts: 3 });
    [there, here, both] = lan.hosts as [Host, Host, Host];
    [avahi, beside] = await Promise.all([startAvahi({ netns: there.ns, host: 'mantua' }), startAvahi({ netns: both.ns, host: 'padua' })]);
  });

  afterEach(async () => {
    while (agents.length > 0) await agents.pop()?.stop();
  });

  after(async () => {
    await avahi?.stop();
    await beside?.stop();
    await lan?.close();
  });

  const startAgent = async (host: Host): Promise<Agent> => {
    const agent = await startOne(host);
    agents.push(agent.process);
    return agent;
  };

  const seen = async (from: Avahi, instance: string): Promise<Resolved[]> => (await from.browse()).filter((one) => one.instance === instance);
  const browsed = (from: Avahi, instance: string, count = 1): Promise<Resolved[]> =>
    waitUntil(`avahi sees ${instance}`, async () => {
      const all = await seen(from, instance);
      return all.length >= count ? all : undefined;
    });

  it('is read by avahi: name, port, text and addresses, over both families', async () => {
    const agent = await startAgent(here);
    agent.tell({ announce: { instance: NAME, port: 5298, txt: TXT } });
    const all = await browsed(avahi, NAME, 2);
    assert.deepEqual(new Set(all.map(({ family }) => family)), new Set(['IPv4', 'IPv6']));
    for (const one of all) assert.deepEqual([one.port, [...one.txt].reverse()], [5298, Object.entries(TXT).map(([key, value]) => `${key}=${value}`)]);
    assert.ok(all.some(({ address }) => address === here.address));
    assert.ok(all.every(({ host }) => /^xpmn-[0-9a-f]{10}\.local$/.test(host)));
  });

  it('says everything with a hop limit of 255, by which others know that it is on the link', async () => {
    const listener = await startProcess('hops', ['/usr/bin/python3', '-c', HOPS, 'eth0', there.address], { netns: there.ns });
    try {
      await listener.said(/ready/);
      // avahi does the same, and is on that host: what is heard first may be its own
      await avahi.end();
      const agent = await startAgent(here);
      agent.tell({ announce: { instance: NAME, port: 5298, txt: TXT } });
      assert.equal((await listener.said(/hops .*/))[0], 'hops 255 255');
      assert.equal((await listener.said(/direct .*/))[0], 'direct 255');
    } finally {
      await listener.stop();
      await avahi.restart();
    }
  });

  it('is read by avahi again when it says something else, and not any more after its goodbye', async () => {
    const agent = await startAgent(here);
    agent.tell({ announce: { instance: NAME, port: 5298, txt: TXT } });
    await browsed(avahi, NAME);
    agent.tell({ update: { instance: NAME, txt: { ...TXT, status: 'dnd' } } });
    await waitUntil('avahi reads the new text', async () => (await seen(avahi, NAME)).every(({ txt }) => txt.includes('status=dnd')));
    agent.tell({ withdraw: NAME });
    await waitUntil('avahi has forgotten it', async () => (await seen(avahi, NAME)).length === 0);
    agent.tell({ announce: { instance: 'one more', port: 5298, txt: TXT } });
    await browsed(avahi, 'one more');
    agent.process.child.stdin?.end();
    await agent.process.exited;
    await waitUntil('avahi has forgotten that, too', async () => (await seen(avahi, 'one more')).length === 0);
  });

  it('finds what avahi publishes, its other text, and its goodbye', async () => {
    const agent = await startAgent(here);
    const first = await avahi.publish('juliet@capulet 1.0', 5562, ['txtvers=1', '1st=Juliet', 'status=avail', 'bare']);
    const found = await waitUntil('found', () => agent.knows('juliet@capulet 1.0'));
    assert.deepEqual([found.port, found.txt], [5562, { txtvers: '1', '1st': 'Juliet', status: 'avail', bare: '' }]);
    await waitUntil('all addresses', () => agent.knows('juliet@capulet 1.0')?.addresses.includes(there.address));
    const { addresses } = agent.knows('juliet@capulet 1.0') as FoundService;
    assert.equal(addresses[0], there.address);
    assert.ok(addresses.every((address) => !/^fe80/.test(address) || address.endsWith('%eth0')), addresses.join());
    await first.stop();
    await waitUntil('lost', () => agent.lines.some(({ lost }) => lost === 'juliet@capulet 1.0'));
    await avahi.publish('juliet@capulet 1.0', 5562, ['txtvers=1', 'status=away']);
    await waitUntil('found with the new text', () => agent.knows('juliet@capulet 1.0')?.txt['status'] === 'away');
  });

  it('finds what avahi published before it came', async () => {
    const publisher = await avahi.publish('nurse@capulet', 1, ['txtvers=1']);
    await waitUntil('avahi has said all it says by itself', async () => (await browsed(beside, 'nurse@capulet', 2)).length);
    const agent = await startAgent(here);
    assert.equal((await waitUntil('found', () => agent.knows('nurse@capulet'))).port, 1);
    await publisher.stop();
  });

  it('gives way to a name that avahi has', async () => {
    const publisher = await avahi.publish('friar@verona', 1, ['who=avahi']);
    const agent = await startAgent(here);
    agent.tell({ announce: { instance: 'friar@verona', port: 2, txt: { who: 'us' } } });
    const [other] = await browsed(avahi, 'friar@verona-2');
    assert.deepEqual([other?.port, other?.txt], [2, ['who=us']]);
    assert.ok((await seen(avahi, 'friar@verona')).every(({ port }) => port === 1));
    assert.equal((await waitUntil('found', () => agent.knows('friar@verona'))).port, 1);
    await publisher.stop();
  });

  it('keeps its name when avahi wants it', async () => {
    const agent = await startAgent(here);
    agent.tell({ announce: { instance: 'friar@verona', port: 2, txt: { who: 'us' } } });
    await browsed(avahi, 'friar@verona');
    const publisher = await avahi.publish('friar@verona', 1, ['who=avahi']);
    const other = await waitUntil('avahi took another name', async () => (await avahi.browse()).find(({ port }) => port === 1));
    assert.notEqual(other.instance, 'friar@verona');
    assert.ok((await seen(avahi, 'friar@verona')).every(({ port }) => port === 2));
    await publisher.stop();
  });

  it('is on one machine with avahi, each heard by the other and by all', async () => {
    const agent = await startAgent(both);
    const far = await startAgent(here);
    agent.tell({ announce: { instance: 'ours@padua', port: 5298, txt: TXT } });
    const publisher = await beside.publish('theirs@padua', 7, ['txtvers=1']);
    await browsed(beside, 'ours@padua');
    await browsed(avahi, 'ours@padua');
    await browsed(avahi, 'theirs@padua');
    for (const one of [agent, far]) {
      const found = await waitUntil('found', () => one.knows('theirs@padua'));
      assert.equal(found.port, 7);
      await waitUntil('with its address', () => one.knows('theirs@padua')?.addresses.includes(both.address));
    }
    assert.equal(agent.knows('ours@padua'), undefined);
    assert.equal((await waitUntil('found', () => far.knows('ours@padua'))).port, 5298);
    agent.tell({ withdraw: 'ours@padua' });
    await waitUntil('avahi has forgotten ours', async () => (await seen(beside, 'ours@padua')).length === 0);
    await publisher.stop();
    await waitUntil('theirs is lost', () => agent.knows('theirs@padua') === undefined && far.knows('theirs@padua') === undefined);
  });

  it('is one instance, and finds one, over two links that are told apart', async () => {
    const ends = ['link set wlan0 up', 'addr add 10.77.0.END/24 broadcast + dev wlan0'];
    await lan.exec(here, ['ip', 'link', 'add', 'wlan0', 'type', 'veth', 'peer', 'name', 'wlan0', 'netns', there.ns]);
    for (const [host, end] of [[here, '1'], [there, '2']] as const) {
      for (const line of ends) await lan.exec(host, ['ip', ...line.replace('END', end).split(' ')]);
    }
    const publisher = await avahi.publish('nurse@capulet', 1, ['txtvers=1']);
    const agent = await startAgent(here);
    agent.tell({ announce: { instance: 'ours@verona', port: 3, txt: TXT } });
    const known = (): readonly string[] => agent.knows('nurse@capulet')?.addresses ?? [];
    await waitUntil('found with the addresses of both', () => [there.address, '10.77.0.2'].every((address) => known().includes(address)));
    // avahi tells a link-local address only where it has no other one of IPv6
    await waitUntil('its link-local one with the link', () => known().some((address) => /^fe80.*%wlan0$/.test(address)));
    const all = await waitUntil('avahi sees ours on both', async () => {
      // Until it has the address of a link, avahi may resolve what it was told over IPv4 to one of IPv6.
      const found = (await seen(avahi, 'ours@verona')).filter(({ family, address }) => family === 'IPv4' && !address.includes(':'));
      return found.length >= 2 ? found : undefined;
    });
    assert.deepEqual(new Map(all.map((one) => [one.interface, one.address])), new Map([['eth0', here.address], ['wlan0', '10.77.0.1']]));
    await lan.exec(here, ['ip', 'link', 'delete', 'wlan0']);
    await waitUntil('the addresses of the link that went are gone', () => known().length > 0 && known().every((address) => !/wlan0|^10/.test(address)));
    await publisher.stop();
  });

  it('loses what was there when its cable is pulled, and finds it when it is plugged in again', async () => {
    const publisher = await avahi.publish('nurse@capulet', 1, ['txtvers=1']);
    const agent = await startAgent(here);
    agent.tell({ announce: { instance: 'ours', port: 3, txt: TXT } });
    await waitUntil('found', () => agent.knows('nurse@capulet'));
    await lan.exec(here, ['ip', 'link', 'set', 'eth0', 'down']);
    await waitUntil('lost', () => agent.knows('nurse@capulet') === undefined);
    await lan.exec(here, ['ip', 'link', 'set', 'eth0', 'up']);
    await waitUntil('found again', () => agent.knows('nurse@capulet'));
    await browsed(avahi, 'ours');
    await publisher.stop();
  });
});
