import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { ServiceDiscovery } from '../../../src/xpmn/ports/service-discovery.ts';
import { LocalLink } from '../../../src/xpmn/serverless/local-link.ts';
import { FakeClock, FakeRandom } from '../../support/fake-clock.ts';
import { LinkInMemory } from '../../support/link-in-memory.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
const network = 'ab'.repeat(32) as KeyName;
const nas = parseJid('net-x@xpmn.local/nas-abcd');
const caps = { node: 'n', hash: 'sha-1', ver: 'v' };
const options = { ...settings.directTcp.listener, ...settings.linkLocal, host: '127.0.0.1' };

describe('the local link of a process', () => {
  let air: LinkInMemory;
  const made: LocalLink[] = [];

  beforeEach(() => (air = new LinkInMemory()));
  afterEach(async () => {
    await Promise.all(made.splice(0).map((link) => link.stop()));
  });

  function make(discovery: ServiceDiscovery = air.connect()): LocalLink {
    const link = new LocalLink({ clock: new FakeClock(), random: new FakeRandom(), log: silentLogger, discovery, network, host: 'machine', concerns: () => true }, options);
    made.push(link);
    return link;
  }

  it('announces devices at its port while it runs, and sees those of others', async () => {
    const [ours, theirs] = [make(), make()];
    let changes = 0;
    theirs.on('changed', () => (changes += 1));
    await ours.start({ signal: never });
    await theirs.start({ signal: never });
    const announced = ours.announce({ jid: nas, caps, name: 'NAS', pairing: 'closed' });
    const [service] = air.services;
    assert.deepEqual(service?.txt, { txtvers: '1', jid: nas, net: network, ...caps, status: 'avail', nick: 'NAS', pair: 'closed' });
    assert.equal(service.instance, 'nas-abcd@machine');
    assert.deepEqual([theirs.find(nas), ours.find(nas), changes], [[{ host: '127.0.0.1', port: service.port }], [], 1]);
    announced.update({ caps, pairing: 'open' });
    assert.equal(air.services[0]?.txt['pair'], 'open');
    await announced.withdraw();
    assert.deepEqual([theirs.find(nas), changes], [[], 3]);
    ours.announce({ jid: nas, caps });
    await ours.stop();
    assert.deepEqual([theirs.find(nas), air.services], [[], []]);
  });

  it('announces nothing before it listens, nor when it is closed', async () => {
    const link = make();
    await link.announce({ jid: nas, caps }).withdraw();
    await link.start({ signal: never });
    await link.stop();
    await link.announce({ jid: nas, caps }).withdraw();
    assert.deepEqual(air.services, []);
  });

  it('goes on where a device can\'t be announced', async () => {
    const discovery = air.connect();
    discovery.announce = () => {
      throw new XpmnError('too-large', 'The name is too long.');
    };
    const link = make(discovery);
    await link.start({ signal: never });
    await link.announce({ jid: nas, caps }).withdraw();
  });

  it('does not start where its port is taken', async () => {
    const first = make();
    await first.start({ signal: never });
    first.announce({ jid: nas, caps });
    const { port } = air.services[0] as { port: number };
    const second = new LocalLink({ clock: new FakeClock(), random: new FakeRandom(), log: silentLogger, discovery: air.connect(), network, host: 'machine', concerns: () => true }, { ...options, port });
    await assert.rejects(second.start({ signal: never }), { code: 'bad-configuration' });
    await second.stop();
  });
});
