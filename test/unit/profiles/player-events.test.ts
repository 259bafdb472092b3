import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { elements, serialise } from '../../../src/xpmn/model/xml.ts';
import { openOnPlayer } from '../../../src/xpmn/profiles/playback-controller.ts';
import { CONTROLLER_FEATURES, METADATA_NODE, STATUS_NODE, controlNode } from '../../../src/xpmn/profiles/player-nodes.ts';
import { formatRequest, parseEvent } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import type { PubsubRequest } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import { playingItem } from '../../fakes/scripted-playback.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { settle } from '../../support/fake-clock.ts';
import { PlayerRig } from '../../support/player-rig.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;

describe('the events of a player', () => {
  let rig: PlayerRig;
  let heard: string[];

  beforeEach(() => {
    rig = new PlayerRig();
    heard = [];
  });
  afterEach(async () => {
    await rig.end();
    assert.deepEqual(rig.failures, []);
  });

  function listen(resource: string, { wants = false, ...spec }: { readonly wants?: boolean } & Parameters<PlayerRig['connect']>[0] = {}): ChannelPair {
    if (wants) rig.features.set(parseJid(`me@home.test/${resource}`), new Set(CONTROLLER_FEATURES));
    const pair = rig.connect({ resource, ...spec });
    pair.a.onStanza = (stanza) => {
      const event = parseEvent(stanza);
      const said = event?.published.map(({ id, payload }) => (id === 'status' ? `${payload?.name} ${payload?.attrs['position'] ?? '?'}` : `${id} ${payload ? elements(payload).map((part) => serialise(part, payload.ns))[0] ?? serialise(payload) : ''}`)).join();
      heard.push(`${resource}: ${event?.cleared ?? ''}${said}${event?.retracted.map((id) => `-${id}`).join()}`);
    };
    return pair;
  }
  const ask = async ({ a: { channel } }: ChannelPair, request: PubsubRequest, type: 'get' | 'set' = 'set'): Promise<void> => void (await channel.request({ type, payload: formatRequest(request) }, { signal: never }));
  const subscribe = (pair: ChannelPair, node: string): Promise<void> => ask(pair, { action: 'subscribe', node, jid: pair.a.channel.local });
  async function take(): Promise<string[]> {
    await settle();
    return heard.splice(0);
  }

  it('go by themselves to own devices that announce that they want them, from when they come on', async () => {
    rig.control.say({ state: 'playing', position: 5 });
    rig.control.show(playingItem('Lark'));
    listen('wanting', { wants: true });
    listen('other');
    listen('friend', { wants: true, verdict: 'friend' });
    assert.deepEqual(await take(), ['wanting: playing 5', 'wanting: current <title>Lark</title>']);
    rig.control.say({ state: 'paused', position: 6.5 });
    rig.control.show(undefined);
    rig.control.emit('variable', { name: 'volume', value: 3 });
    assert.deepEqual(await take(), ['wanting: paused 6.5', 'wanting: -current']);
  });

  it('go to whoever opens something, from then on, and not to other own devices', async () => {
    const pair = listen('opener');
    listen('other');
    await openOnPlayer(rig.linkOver(pair), { uris: ['http://away.test/a'], autoplay: true }, { options: settings.playback, signal: never });
    assert.deepEqual(await take(), ['opener: playing 0', 'opener: current <title>Track 0</title>']);
    rig.control.say({ state: 'paused', position: 1 });
    rig.control.show(playingItem('Next'));
    assert.deepEqual(await take(), ['opener: paused 1', 'opener: current <title>Next</title>']);
  });

  it('do not go to one whose list could not be opened', async () => {
    const pair = listen('opener');
    rig.control.failure = new XpmnError('unsupported-type', 'No.');
    await assert.rejects(openOnPlayer(rig.linkOver(pair), { uris: ['http://away.test/a'], autoplay: true }, { options: settings.playback, signal: never }));
    rig.control.say({ state: 'paused' });
    assert.deepEqual(await take(), []);
  });

  it('of variables go to who has subscribed, own devices too', async () => {
    const pair = listen('wanting');
    rig.features.set(pair.a.channel.local, new Set([`${controlNode('volume')}+notify`]));
    await take();
    rig.control.emit('variable', { name: 'volume', value: 3 });
    assert.deepEqual(await take(), []);
    await subscribe(pair, controlNode('volume'));
    assert.deepEqual(await take(), ["wanting: volume <variable xmlns='urn:xmpp:media:control:0' name='volume'>40</variable>"]);
    rig.control.emit('variable', { name: 'volume', value: 3 });
    rig.control.emit('variable', { name: 'mute', value: true });
    assert.deepEqual(await take(), ["wanting: volume <variable xmlns='urn:xmpp:media:control:0' name='volume'>3</variable>"]);
  });

  it('are nothing for friends, nor for whoever has proven nothing', async () => {
    for (const [pair, code] of [[listen('friend', { verdict: 'friend' }), 'not-allowed'], [listen('pairing', { verdict: 'pairing' }), 'not-allowed']] as const) {
      for (const node of [STATUS_NODE, METADATA_NODE, controlNode('volume'), controlNode('mute')]) {
        await assert.rejects(subscribe(pair, node), { code });
        await assert.rejects(ask(pair, { action: 'items', node, ids: [] }, 'get'), { code });
      }
    }
    const own = listen('own');
    await assert.rejects(ask(own, { action: 'publish', node: STATUS_NODE, payload: { name: 'idle', ns: '', attrs: {}, children: [] } }), { code: 'not-allowed' });
    rig.control.say({ state: 'playing' });
    assert.deepEqual(await take(), []);
  });

  it('tell the newest of what happens at once, and of what happens while one takes nothing', async () => {
    const pair = listen('slow');
    await subscribe(pair, STATUS_NODE);
    await take();
    for (let position = 1; position <= 10; position += 1) rig.control.say({ state: 'playing', position });
    assert.deepEqual(await take(), ['slow: playing 1', 'slow: playing 10']);
  });

  it('end when the player is gone: who has listened is told', async () => {
    const pair = listen('wanting', { wants: true });
    await subscribe(pair, controlNode('mute'));
    await take();
    rig.events.stop();
    assert.deepEqual(await take(), ['wanting: delete', 'wanting: delete', 'wanting: delete']);
    rig.control.say({ state: 'playing' });
    await assert.rejects(subscribe(pair, STATUS_NODE), { code: 'not-found' });
    assert.deepEqual(await take(), []);
    assert.deepEqual(rig.control.eventNames(), []);
  });

  it('are listened for only while somebody is there who may be told', async () => {
    const listeners = (): number => rig.control.listenerCount('status') + rig.control.listenerCount('item') + rig.control.listenerCount('variable');
    assert.equal(listeners(), 0);
    listen('friend', { verdict: 'friend' });
    assert.equal(listeners(), 0);
    const [one, two] = [listen('one'), listen('one')];
    assert.equal(listeners(), 3);
    one.close();
    assert.equal(listeners(), 3);
    two.close();
    assert.equal(listeners(), 0);
    listen('one');
    assert.equal(listeners(), 3);
  });

  it('have nodes for the variables that the player has, also for those that show later', async () => {
    assert.deepEqual(rig.events.nodes.map(({ name, mode }) => `${name.slice('urn:xmpp:media:'.length)} ${mode}`), ['player:status mixed', 'player:metadata mixed', 'control:volume explicit', 'control:mute explicit']);
    const without = new PlayerRig();
    without.events.stop();
    without.control.controls = [];
    without.events.start();
    const pair = without.connect();
    assert.equal(without.control.listenerCount('variable'), 1);
    await assert.rejects(subscribe(pair, controlNode('volume')), { code: 'not-found' });
    without.control.emit('variable', { name: 'volume', value: 1 });
    await subscribe(pair, controlNode('volume'));
    await without.end();
  });

  it('have nodes for variables that showed while nobody was there', async () => {
    const later = new PlayerRig();
    later.events.stop();
    later.control.controls = [];
    later.events.start();
    later.control.controls = ['volume'];
    await subscribe(later.connect(), controlNode('volume'));
    await later.end();
  });
});
