import assert from 'node:assert/strict';
import type { Device } from '../../src/xpmn/device/device.ts';
import { Announcement } from '../../src/xpmn/gateway/announcement.ts';
import { PLAYER_FEATURES, provideServices } from '../../src/xpmn/gateway/hosted-device.ts';
import type { HostedServices } from '../../src/xpmn/gateway/hosted-device.ts';
import { PlayerSide } from '../../src/xpmn/gateway/player-side.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock } from '../../src/xpmn/kernel/system.ts';
import { TaskGroup } from '../../src/xpmn/kernel/tasks.ts';
import type { PlayerView } from '../../src/xpmn/model/playback.ts';
import { CONTROLLER_FEATURES, STATUS_NODE, controlNode } from '../../src/xpmn/profiles/player-nodes.ts';
import { queryInfo, queryItems } from '../../src/xpmn/xmpp/disco.ts';
import { parseEvent } from '../../src/xpmn/xmpp/pubsub-codec.ts';
import { ScriptedPlayback, playingItem } from '../fakes/scripted-playback.ts';
import { DevicesInProcess, settings } from '../support/devices-in-process.ts';

const never = new AbortController().signal;

interface Controller {
  readonly device: Device;
  readonly side: PlayerSide;
}

/** One player and several controllers, each a device of its own, with XML streams between them. */
describe('a player and those who control it', () => {
  let devices: DevicesInProcess;
  let control: ScriptedPlayback;
  let player: Device;
  let services: HostedServices;
  let tasks: TaskGroup;
  let failures: unknown[];

  beforeEach(async () => {
    failures = [];
    tasks = new TaskGroup((error) => failures.push(error));
    devices = await DevicesInProcess.create();
    control = new ScriptedPlayback();
    await appear();
  });

  afterEach(async () => {
    const ended = services.end();
    await devices.stopAll();
    await ended;
    await tasks.close();
    assert.deepEqual(failures, []);
  });

  async function appear(): Promise<void> {
    player = devices.start(await devices.network.hostDevice('uuid:player', 'Player'), 'own-hosted');
    services = provideServices(player, { library: undefined, control }, devices.shared, settings);
    Announcement.of(player, { name: 'Player', features: services.features, nodes: () => services.nodes });
  }

  async function controller(name: string, features: readonly string[] = []): Promise<Controller> {
    const device = devices.start(await devices.network.createDevice(name, ['host']), 'own');
    devices.announced.set(device.jid, new Set(features));
    const directory = { on: () => undefined, off: () => undefined, all: () => [], find: () => undefined };
    const side = new PlayerSide({ clock: systemClock, log: silentLogger, tasks, controller: device, directory }, settings);
    side.start();
    return { device, side };
  }

  async function until({ side }: Controller, holds: (view: PlayerView) => boolean): Promise<PlayerView> {
    for (let view = await side.wait(player.jid, 0, never); ; view = await side.wait(player.jid, view.revision, never)) if (holds(view)) return view;
  }

  it('says what it is, and where it tells of changes', async () => {
    const { device } = await controller('one');
    const channel = await device.links.to(player.jid).channel({ signal: never });
    const { features } = await queryInfo(channel, undefined, { signal: never });
    for (const feature of PLAYER_FEATURES) assert.ok(features.includes(feature), feature);
    const items = await queryItems(channel, undefined, { signal: never });
    assert.deepEqual(items.map(({ node }) => node), services.nodes.map(({ name }) => name));
    for (const [node, mode] of [[STATUS_NODE, 'mixed'], [controlNode('mute'), 'explicit']] as const) {
      const info = await queryInfo(channel, undefined, { node, signal: never });
      assert.deepEqual(info.identities.map(({ category, type }) => `${category}/${type}`), ['pubsub/leaf']);
      assert.ok(info.features.includes(`urn:xmpp:xpmn:events:0#${mode}`), info.features.join());
    }
    await assert.rejects(queryInfo(channel, undefined, { node: 'urn:other', signal: never }), { code: 'not-found' });
  });

  it('is seen by all who look, whoever of them does something', async () => {
    const all = [await controller('one'), await controller('two'), await controller('three')] as const;
    const [one, two] = all;
    const sights = all.map((each) => until(each, ({ status, item, volume }) => status?.state === 'playing' && item?.item.title === 'Track 0' && volume === 12));
    control.items = (uris) => Array.from({ length: 400 }, (_, i) => playingItem(`Track ${i}`, uris[0]));
    const opened = await one.side.open(player.jid, { uris: ['http://away.test/list.m3u'], autoplay: true }, never);
    assert.equal(opened.items.length, 400, 'out of band');
    await two.side.command(player.jid, { name: 'set', variable: { name: 'volume', value: 12 } }, never);
    for (const view of await Promise.all(sights)) {
      assert.equal(view.status?.controller, one.device.jid);
      assert.equal(view.reach, 'there');
    }
    await two.side.command(player.jid, { name: 'pause' }, never);
    await Promise.all(all.map((each) => until(each, ({ status }) => status?.state === 'paused')));
    for (const { side } of all) side.stop();
  });

  it('tells those who announce that they want it, as long as they have a stream open', async () => {
    const wanting = await controller('wanting', CONTROLLER_FEATURES);
    const other = await controller('other');
    const heard: string[] = [];
    for (const { device } of [wanting, other]) device.on('message', (_message, channel) => heard.push(channel.local));
    for (const { side } of [wanting, other]) await side.now(player.jid, never);
    const told = new Promise((resolve) => wanting.device.once('message', resolve));
    control.say({ state: 'playing', position: 3 });
    await told;
    await other.side.now(player.jid, never);
    assert.deepEqual([...new Set(heard)], [wanting.device.jid]);
  });

  it('says that it goes, to all who listen', async () => {
    const one = await controller('one');
    await until(one, ({ status }) => status?.state === 'idle');
    const gone = new Set<string>();
    one.device.on('message', (message) => {
      const event = parseEvent(message);
      if (event?.cleared === 'delete') gone.add(event.node);
    });
    const nodes = services.nodes.map(({ name }) => name);
    await services.end();
    await one.side.now(player.jid, never);
    assert.deepEqual([...gone], nodes);
    one.side.stop();
  });

  it('is lost when it goes, and seen again when it is back', async () => {
    const one = await controller('one');
    await until(one, ({ status }) => status?.state === 'idle');
    const ended = services.end();
    await devices.stop(player);
    await ended;
    await until(one, ({ reach }) => reach === 'lost');
    control.say({ state: 'paused', position: 5 });
    await appear();
    // It calls, whyever: from then on it can be reached.
    await player.links.to(one.device.jid).channel({ signal: never });
    const view = await until(one, ({ reach, status }) => reach === 'there' && status?.state === 'paused');
    assert.equal(view.status?.position, 5);
    one.side.stop();
  });
});
