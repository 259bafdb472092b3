import assert from 'node:assert/strict';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { FoundService } from '../../../src/xpmn/ports/service-discovery.ts';
import { LinkLocalPeers } from '../../../src/xpmn/serverless/peers.ts';
import { settings } from '../../support/settings.ts';

const nas = parseJid('romeo@home.test/nas-abcd');
const tv = parseJid('romeo@home.test/tv-efgh');

/** An instance that says to be `jid`. */
function service(instance: string, jid: string, { addresses = ['192.0.2.1'], port = 5562, ...txt }: Partial<Omit<FoundService, 'txt'>> & Readonly<Record<string, unknown>> = {}): FoundService {
  return { instance, addresses, port, txt: { jid, ...(txt as Record<string, string>) } };
}

describe('peers on the local link', () => {
  let peers: LinkLocalPeers;
  let matter: Set<string>;

  function make(options: Partial<typeof settings.linkLocal> = {}): void {
    matter = new Set([nas, tv]);
    peers = new LinkLocalPeers({ concerns: (jid) => matter.has(jid) }, { ...settings.linkLocal, ...options });
  }
  beforeEach(() => make());

  const hosts = (jid = nas): string[] => peers.find(jid).map(({ host }) => host);

  it('are where their instance is, while it is there, and move with it', () => {
    assert.deepEqual(peers.find(nas), []);
    peers.found(service('nas@home', nas, { addresses: ['fe80::1%eth0', '192.0.2.1'] }));
    assert.deepEqual(peers.find(nas), [{ host: 'fe80::1%eth0', port: 5562 }, { host: '192.0.2.1', port: 5562 }]);
    peers.found(service('nas@home', nas, { addresses: ['192.0.2.9'], port: 7 }));
    assert.deepEqual(peers.find(nas), [{ host: '192.0.2.9', port: 7 }]);
    peers.lost('another');
    peers.lost('nas@home');
    assert.deepEqual([peers.find(nas), peers.all()], [[], []]);
  });

  it('are several behind one port', () => {
    peers.found(service('nas@home', nas));
    peers.found(service('tv@home', tv));
    assert.deepEqual([hosts(nas), hosts(tv)], [['192.0.2.1'], ['192.0.2.1']]);
    assert.deepEqual(peers.all().map(({ jid }) => jid), [nas, tv]);
  });

  it('are one where several instances say the same name: the best address of each before the second of any', () => {
    peers.found(service('a', nas, { addresses: ['192.0.2.1', '192.0.2.2', '192.0.2.3'] }));
    peers.found(service('b', nas, { addresses: ['198.51.100.1', '192.0.2.2'] }));
    assert.deepEqual(hosts(), ['192.0.2.1', '198.51.100.1', '192.0.2.2', '192.0.2.3']);
    peers.lost('a');
    assert.deepEqual(hosts(), ['198.51.100.1', '192.0.2.2']);
  });

  it('are told with their network and capabilities, where an instance says them', () => {
    const network = 'ab'.repeat(32);
    peers.found(service('a', nas));
    peers.found(service('b', nas, { net: network, node: 'n', hash: 'sha-1', ver: 'v', addresses: ['192.0.2.2'] }));
    assert.deepEqual(peers.all(), [{ jid: nas, network, caps: { node: 'n', hash: 'sha-1', ver: 'v' }, targets: peers.find(nas) }]);
  });

  it('may be named by their account alone, or by several names', () => {
    peers.found(service('foreign', 'romeo@home.test juliet@home.test', { addresses: ['192.0.2.7'] }));
    peers.found(service('nas@home', nas));
    assert.deepEqual(hosts(nas), ['192.0.2.1', '192.0.2.7']);
    assert.deepEqual(hosts(tv), ['192.0.2.7']);
    assert.deepEqual(hosts(parseJid('juliet@home.test')), ['192.0.2.7']);
    assert.deepEqual(hosts(parseJid('mercutio@home.test/x')), []);
  });

  it('are of the network that is said first', () => {
    const [ours, others] = ['ab'.repeat(32), 'cd'.repeat(32)];
    peers.found(service('a', nas));
    peers.found(service('b', nas, { net: ours }));
    peers.found(service('c', nas, { net: others }));
    assert.deepEqual([peers.networkOf(nas), peers.networkOf(tv)], [ours, undefined]);
    peers.lost('b');
    assert.equal(peers.networkOf(nas), others);
  });

  it('are the same whatever the case of their instance', () => {
    peers.found(service('NAS@home', nas));
    peers.found(service('nas@Home', nas, { addresses: ['192.0.2.9'] }));
    assert.deepEqual([hosts(), peers.has('nas@home')], [['192.0.2.9'], true]);
    peers.lost('nAs@home');
    assert.deepEqual([hosts(), peers.has('nas@home')], [[], false]);
  });

  it('are not there any more when their instance names nobody, or another', () => {
    peers.found(service('a', nas));
    peers.found(service('a', tv));
    assert.deepEqual([hosts(nas), hosts(tv)], [[], ['192.0.2.1']]);
    peers.found(service('a', 'nobody'));
    assert.deepEqual(peers.all(), []);
  });

  it('are bounded: those that matter take the place of others, never of each other', () => {
    make({ instances: 2 });
    peers.found(service('x', 'evil@home.test/x'));
    peers.found(service('y', 'evil@home.test/y'));
    peers.found(service('z', 'evil@home.test/z'));
    assert.deepEqual(peers.all().map(({ jid }) => jid), ['evil@home.test/x', 'evil@home.test/y']);
    peers.found(service('nas', nas));
    assert.deepEqual(peers.all().map(({ jid }) => jid), ['evil@home.test/y', nas]);
    peers.found(service('tv', tv));
    assert.deepEqual(peers.all().map(({ jid }) => jid), [nas, tv]);
    matter.add('romeo@home.test/third');
    peers.found(service('third', 'romeo@home.test/third'));
    assert.deepEqual(peers.all().map(({ jid }) => jid), [nas, tv]);
    peers.found(service('tv', tv, { addresses: ['192.0.2.5'] }));
    assert.deepEqual(hosts(tv), ['192.0.2.5'], 'news of what is known has room');
  });

  describe('whose buttons are pressed', () => {
    const network = 'ab'.repeat(32);
    const said = (): unknown[] => peers.pressers().map(({ instance, jid, says }) => [instance, jid, says]);

    it('are told by instance, whatever name they claim; others are not', () => {
      peers.found(service('a', nas, { pair: 'button', net: network, nick: 'NAS' }));
      peers.found(service('b', nas, { pair: 'looking' }));
      for (const pair of ['open', 'closed', 'BUTTON', '']) peers.found(service(`c${pair}`, tv, { pair }));
      assert.deepEqual(said(), [['a', nas, 'button'], ['b', nas, 'looking']]);
      assert.deepEqual(peers.pressers()[0], { instance: 'a', jid: nas, network, name: 'NAS', says: 'button', targets: peers.find(nas).slice(0, 1) });
      peers.found(service('a', nas, { pair: 'closed' }));
      peers.lost('b');
      assert.deepEqual(said(), []);
    });

    it('are hidden neither by many instances nor by many that claim their name', () => {
      make({ instances: 3, instancesPerDevice: 2 });
      const fresh = 'net-a@xpmn.local/x';
      for (const instance of ['a', 'b']) peers.found(service(instance, fresh));
      peers.found(service('c', 'net-b@xpmn.local/y'));
      peers.found(service('honest', fresh, { pair: 'looking' }));
      assert.deepEqual(said(), [['honest', fresh, 'looking']]);
    });

    it('take no room from devices that matter', () => {
      make({ instances: 2 });
      for (const instance of ['a', 'b', 'c']) peers.found(service(instance, `net-${instance}@xpmn.local/x`, { pair: 'button' }));
      assert.equal(said().length, 2);
      for (const [instance, jid] of [['nas', nas], ['tv', tv]] as const) peers.found(service(instance, jid));
      assert.deepEqual([hosts(nas), hosts(tv), said()], [['192.0.2.1'], ['192.0.2.1'], []]);
    });
  });

  it('are bounded for one name', () => {
    make({ instancesPerDevice: 2 });
    for (let i = 1; i <= 5; i += 1) peers.found(service(`i${i}`, nas, { addresses: [`192.0.2.${i}`] }));
    assert.deepEqual(hosts(), ['192.0.2.1', '192.0.2.2']);
    peers.found(service('i2', nas, { addresses: ['192.0.2.22'] }));
    assert.deepEqual(hosts(), ['192.0.2.1', '192.0.2.22']);
    peers.found(service('other', tv));
    peers.found(service('other', nas));
    assert.deepEqual([hosts(), hosts(tv)], [['192.0.2.1', '192.0.2.22'], []]);
  });
});
