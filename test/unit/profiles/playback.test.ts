import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import type { Verdict } from '../../../src/xpmn/model/identity.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import { child, elements, serialise, xml } from '../../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../../src/xpmn/model/xml.ts';
import { commandPlayer, itemOfPlayer, openOnPlayer, statusOfPlayer } from '../../../src/xpmn/profiles/playback-controller.ts';
import type { PlaybackCommand } from '../../../src/xpmn/profiles/playback-codec.ts';
import { parseControls } from '../../../src/xpmn/profiles/rendering-codec.ts';
import { setOnPlayer, variablesOfPlayer } from '../../../src/xpmn/profiles/rendering-controller.ts';
import { playingItem } from '../../fakes/scripted-playback.ts';
import { PlayerRig } from '../../support/player-rig.ts';
import type { ChannelPair } from '../../support/channel-pair.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
const context = { options: settings.playback, signal: never };
const isCode = (code: ErrorCode) => (error: unknown): boolean => error instanceof XpmnError && error.code === code;

describe('playback and rendering, from end to end', () => {
  let rig: PlayerRig;
  beforeEach(() => (rig = new PlayerRig()));
  afterEach(async () => {
    await rig.end();
    assert.deepEqual(rig.failures, []);
  });

  const ask = async (pair: ChannelPair, type: 'get' | 'set', payload: XmlElement): Promise<string> => {
    const to = pair.a.channel.peer ? undefined : rig.provider.jid;
    return elements(await pair.a.channel.request({ type, to, payload }, { signal: never })).map((element) => serialise(element)).join();
  };

  it('opens, and tells what the list has', async () => {
    const link = rig.linkOver(rig.connect());
    const uris = ['xmpp:juliet@away.test/nas-aaaa?transfer;uid=x', 'http://radio.test/a'];
    const opened = await openOnPlayer(link, { uris, autoplay: true, position: 3 }, context);
    assert.deepEqual(rig.control.calls, ['open 2 true 3 by me@home.test/controller']);
    assert.equal(opened.session, 's1');
    assert.deepEqual(opened.items.map(({ item, uri }) => [item.title, uri]), [['Track 0', uris[0]], ['Track 1', uris[1]]]);
    assert.deepEqual(rig.streams.ids, [], 'inline');
  });

  it('sends a long list out of band', async () => {
    rig.control.items = () => Array.from({ length: 500 }, (_, i) => playingItem(`Track ${i}`));
    const opened = await openOnPlayer(rig.linkOver(rig.connect()), { uris: ['http://away.test/list.m3u'], autoplay: false }, context);
    assert.equal(opened.items.length, 500);
    assert.equal(opened.items[499]?.item.title, 'Track 499');
    assert.equal(rig.streams.ids.length, 1);
  });

  it('does what it is told', async () => {
    const link = rig.linkOver(rig.connect());
    const commands: readonly PlaybackCommand[] = [
      { name: 'play' }, { name: 'pause' }, { name: 'stop' }, { name: 'next' }, { name: 'previous' }, { name: 'jump', index: 3 },
      { name: 'seek', target: { position: 1.5 } }, { name: 'seek', target: { offset: -10 } }, { name: 'seek', target: { percent: 50 } }, { name: 'close' },
    ];
    for (const command of commands) await commandPlayer(link, command, context);
    const by = ' by me@home.test/controller';
    assert.deepEqual(rig.control.calls.map((call) => call.replace(by, '')), ['play', 'pause', 'stop', 'next', 'previous', 'jump 3', 'seek {"position":1.5}', 'seek {"offset":-10}', 'seek {"percent":50}', 'close']);
    await ask(rig.pairs[0] as ChannelPair, 'set', xml('resume', NS.player));
    assert.equal(rig.control.calls.at(-1), `play${by}`);
  });

  it('says why it does not', async () => {
    const pair = rig.connect();
    for (const code of ['not-seekable', 'not-pausable', 'unsupported-type', 'origin-unreachable', 'unexpected-request', 'not-acceptable', 'not-found', 'unreachable', 'timeout', 'resource-limit'] as const) {
      rig.control.failure = new XpmnError(code, 'No.');
      await assert.rejects(commandPlayer(rig.linkOver(pair), { name: 'play' }, context), isCode(code));
    }
    await assert.rejects(ask(pair, 'set', xml('seek', NS.player, { position: 1, offset: 1 })), isCode('bad-request'));
    await assert.rejects(ask(pair, 'set', xml('open', NS.player)), isCode('bad-request'));
    await assert.rejects(ask(pair, 'get', xml('play', NS.player)), isCode('not-supported'));
    assert.equal(rig.control.calls.length, 10);
  });

  it('says how it is, when asked', async () => {
    const { a: { channel } } = rig.connect();
    assert.equal((await statusOfPlayer(channel, context)).state, 'idle');
    assert.equal(await itemOfPlayer(channel, context), undefined);
    rig.control.say({ state: 'paused', position: 7.25, index: 1, count: 3, error: undefined });
    rig.control.show(playingItem('Lark'));
    assert.deepEqual(await statusOfPlayer(channel, context), rig.control.status);
    assert.equal((await itemOfPlayer(channel, context))?.item.title, 'Lark');
  });

  it('has variables: which, how they are, and sets several at once or none', async () => {
    const { a: { channel } } = rig.connect();
    const controls = await channel.request({ type: 'get', payload: xml('get-controls', NS.control) }, { signal: never });
    assert.deepEqual(parseControls(child(controls, 'controls', NS.control) as XmlElement), ['volume', 'mute']);
    await setOnPlayer(channel, [{ name: 'volume', value: 7 }, { name: 'mute', value: true }], context);
    assert.deepEqual(await variablesOfPlayer(channel, [], context), [{ name: 'volume', value: 7 }, { name: 'mute', value: true }]);
    assert.deepEqual(await variablesOfPlayer(channel, ['mute'], context), [{ name: 'mute', value: true }]);
    [rig.control.controls, rig.control.variables] = [['volume'], []];
    assert.deepEqual(await variablesOfPlayer(channel, ['volume'], context), [], 'nobody knows');
    await assert.rejects(variablesOfPlayer(channel, ['mute'], context), isCode('not-found'));
    await assert.rejects(setOnPlayer(channel, [{ name: 'volume', value: 7 }, { name: 'mute', value: true }], context), isCode('not-found'));
    await assert.rejects(setOnPlayer(channel, [{ name: 'volume', value: 101 }], context), isCode('not-acceptable'));
    assert.equal(rig.control.calls.length, 1);
  });

  it('answers in the namespace that it was asked in', async () => {
    const pair = rig.connect();
    for (const ns of [NS.control, NS.controlAlias]) {
      assert.equal(await ask(pair, 'set', xml('control', ns, {}, xml('variable', ns, { name: 'mute' }, '1'))), '');
      assert.equal(await ask(pair, 'get', xml('control', ns, {}, xml('variable', ns, { name: 'mute' }))), `<control xmlns='${ns}'><variable name='mute'>true</variable></control>`);
      assert.ok((await ask(pair, 'get', xml('get-controls', ns))).startsWith(`<controls xmlns='${ns}'><variable name='volume' `));
    }
  });

  const REQUESTS: readonly (readonly ['get' | 'set', XmlElement])[] = [
    ['set', xml('open', NS.player, {}, xml('uri', NS.player, {}, 'http://a.test/'))],
    ...['play', 'pause', 'resume', 'stop', 'next', 'previous', 'close'].map((name) => ['set', xml(name, NS.player)] as const),
    ['set', xml('seek', NS.player, { position: 1 })], ['set', xml('jump', NS.player, { index: 1 })], ['get', xml('status', NS.player)],
    ...[NS.control, NS.controlAlias].flatMap((ns) => [
      ['get', xml('get-controls', ns)], ['get', xml('control', ns)], ['set', xml('control', ns, {}, xml('variable', ns, { name: 'volume' }, '1'))],
    ] as const),
  ];
  for (const [who, code] of [['friend', 'not-allowed'], ['pairing', 'not-allowed'], ['server', 'security-required']] as const) {
    it(`does nothing for ${who === 'server' ? 'whoever comes over the server' : `who is ${who}`}, and tells nothing`, async () => {
      const pair = rig.connect(who === 'server' ? { server: true } : { verdict: who satisfies Verdict });
      for (const [type, payload] of REQUESTS) await assert.rejects(ask(pair, type, payload), isCode(code), serialise(payload));
      assert.deepEqual(rig.control.calls, []);
    });
  }
});
