import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import type { KeyName } from '../../../src/xpmn/model/identity.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import type { Announced, FoundService, ServiceDiscovery, ServiceDiscoveryEvents } from '../../../src/xpmn/ports/service-discovery.ts';
import { LocalLink } from '../../../src/xpmn/serverless/local-link.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
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
    await settle();
    const [service] = air.services;
    assert.deepEqual(service?.txt, { txtvers: '1', jid: nas, net: network, ...caps, status: 'avail', nick: 'NAS', pair: 'closed' });
    assert.equal(service.instance, 'nas-abcd@machine');
    assert.deepEqual([theirs.find(nas), ours.find(nas), changes], [[{ host: '127.0.0.1', port: service.port }], [], 1]);
    announced.update({ caps, pairing: 'open' });
    assert.equal(air.services[0]?.txt['pair'], 'open');
    await settle();
    await announced.withdraw();
    await settle();
    assert.deepEqual([theirs.find(nas), changes], [[], 3]);
    ours.announce({ jid: nas, caps });
    await ours.stop();
    assert.deepEqual([theirs.find(nas), air.services], [[], []]);
  });

  describe('by what others say', () => {
    /** A discovery that says what it is told to. */
    class Told extends EventEmitter<ServiceDiscoveryEvents> implements ServiceDiscovery {
      readonly there = new Map<string, FoundService>();
      private port = 0;
      start = (): Promise<void> => Promise.resolve();
      stop = (): Promise<void> => Promise.resolve();
      services = (): FoundService[] => [...this.there.values()];
      announce = (): Announced => ({ update: () => undefined, withdraw: () => Promise.resolve() });

      say(instance: string, jid: string, net?: string): void {
        const service = { instance, addresses: ['192.0.2.1'], port: (this.port += 1), txt: { jid, ...(net !== undefined && { net }) } };
        this.there.set(instance, service);
        this.emit('found', service);
      }

      goodbye(instance: string): void {
        this.there.delete(instance);
        this.emit('lost', instance);
      }
    }
    let told: Told;
    let link: LocalLink;
    let changes: number;

    beforeEach(async () => {
      [told, changes] = [new Told(), 0];
      link = make(told);
      link.on('changed', () => (changes += 1));
      await link.start({ signal: never });
    });

    it('tells once of all that comes in one turn', async () => {
      for (let index = 0; index < 64; index += 1) told.say(`i${index}`, `romeo@home.test/${index}`);
      told.goodbye('i0');
      assert.deepEqual([link.all().length, changes], [63, 0]);
      await settle();
      assert.equal(changes, 1);
      told.say('i1', 'romeo@home.test/new');
      await settle();
      assert.equal(changes, 2);
    });

    it('knows of whom it is claimed that he is of our network', () => {
      told.say('a', nas, network);
      told.say('b', 'romeo@home.test/b', 'cd'.repeat(32));
      assert.deepEqual([nas, 'romeo@home.test/b', 'romeo@home.test/c'].map((jid) => link.isClaimed(parseJid(jid))), [true, false, false]);
    });

    it('takes who had no room as soon as there is some', async () => {
      for (let index = 0; index < options.instancesPerDevice; index += 1) told.say(`lie ${index}`, nas);
      told.say('truth', nas);
      await settle();
      const truth = told.there.get('truth') as FoundService;
      assert.ok(!link.find(nas).some(({ port }) => port === truth.port));
      told.goodbye('lie 0');
      await settle();
      assert.ok(link.find(nas).some(({ port }) => port === truth.port), 'one has gone');
      told.say('one more', nas);
      told.say('lie 1', 'romeo@home.test/other');
      await settle();
      assert.equal(link.find(nas).length, options.instancesPerDevice, 'one has become another');
      assert.ok(link.find(nas).some(({ port }) => port === told.there.get('one more')?.port));
      assert.equal(changes, 3);
    });
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
