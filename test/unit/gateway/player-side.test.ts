import assert from 'node:assert/strict';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../../src/xpmn/model/jid.ts';
import { NS } from '../../../src/xpmn/model/namespaces.ts';
import type { PlayerView } from '../../../src/xpmn/model/playback.ts';
import { child, elements, xml } from '../../../src/xpmn/model/xml.ts';
import { METADATA_NODE, STATUS_NODE, controlNode } from '../../../src/xpmn/profiles/player-nodes.ts';
import { NS_PUBSUB, NS_PUBSUB_EVENT, formatEvent } from '../../../src/xpmn/xmpp/pubsub-codec.ts';
import { message } from '../../../src/xpmn/xmpp/stanza.ts';
import { playingItem } from '../../fakes/scripted-playback.ts';
import { settle } from '../../support/fake-clock.ts';
import { ControllerRig, PlayerRig } from '../../support/player-rig.ts';
import { settings } from '../../support/settings.ts';

const never = new AbortController().signal;
const { patience, linger, questions: pauses } = settings.watch;
const isCode = (code: ErrorCode) => (error: unknown): boolean => error instanceof XpmnError && error.code === code;

describe('players as a controller sees them', () => {
  let rig: PlayerRig;
  let controller: ControllerRig;

  beforeEach(() => {
    rig = new PlayerRig();
    controller = new ControllerRig(rig);
  });
  afterEach(async () => {
    controller.side.stop();
    await rig.end();
    assert.deepEqual(rig.failures, []);
    assert.equal(rig.clock.pending, 0, 'no timer is left behind');
  });

  const device = (): PlayerView['device'] => rig.provider.jid;
  const wait = (after: number, signal = never): Promise<PlayerView> => controller.side.wait(device(), after, signal);
  const show = ({ reach, status, item, volume, mute }: PlayerView): string => [reach, status?.state, status?.position, item?.item.title, volume, mute].join(' ');

  /** The view once nothing more happens. */
  async function look(): Promise<PlayerView> {
    let view = await wait(0);
    for (;;) {
      const next: { view?: PlayerView } = {};
      const leave = new AbortController();
      const waiting = wait(view.revision, leave.signal).then((newer) => (next.view = newer), () => undefined);
      await settle();
      leave.abort();
      await waiting;
      if (!next.view) return view;
      view = next.view;
    }
  }
  const requests = (name: string): number => rig.pairs.flatMap(({ sent }) => sent).filter(({ from, stanza }) => from === 'a' && elements(stanza).some((payload) => payload.name === name || child(payload, name, NS_PUBSUB))).length;

  it('are opened on, told, and set', async () => {
    const { side } = controller;
    const opened = await side.open(device(), { uris: ['http://away.test/a'], autoplay: true }, never);
    assert.equal(opened.items.length, 1);
    await side.command(device(), { name: 'seek', target: { offset: 5 } }, never);
    await side.command(device(), { name: 'set', variable: { name: 'volume', value: 9 } }, never);
    assert.deepEqual(rig.control.calls.map((call) => call.replace(' by me@home.test/gateway', '')), ['open 1 true undefined', 'seek {"offset":5}', 'set volume=9']);
    rig.control.failure = new XpmnError('not-seekable', 'No.');
    await assert.rejects(side.command(device(), { name: 'pause' }, never), isCode('not-seekable'));
    controller.lose();
    controller.isReachable = false;
    await assert.rejects(side.command(device(), { name: 'pause' }, never), isCode('peer-unavailable'));
    await assert.rejects(side.open(device(), { uris: ['http://away.test/a'], autoplay: true }, never), isCode('peer-unavailable'));
  });

  it('that hang are not waited for longer than people wait, but where media may have to be fetched first', async () => {
    const { side } = controller;
    await side.now(device(), never);
    for (const pair of rig.pairs) pair.hold('b');
    const { promptTimeout } = settings.playback;
    const isTimeout = isCode('timeout');
    const refused = [assert.rejects(side.now(device(), never), isTimeout), ...(['pause', 'stop'] as const).map((name) => assert.rejects(side.command(device(), { name }, never), isTimeout)), assert.rejects(side.command(device(), { name: 'set', variable: { name: 'volume', value: 9 } }, never), isTimeout)];
    const [leave, next] = [new AbortController(), { isOver: false }];
    const going = side.command(device(), { name: 'next' }, leave.signal).finally(() => (next.isOver = true));
    await settle();
    await rig.clock.advance(promptTimeout);
    await Promise.all(refused);
    assert.equal(next.isOver, false);
    leave.abort(new XpmnError('aborted', 'Enough.'));
    await assert.rejects(going, isCode('aborted'));
  });

  it('are asked how they are, with all that there is', async () => {
    rig.control.say({ state: 'playing', position: 5 });
    rig.control.show(playingItem('Lark'));
    const view = await controller.side.now(device(), never);
    assert.equal(show(view), 'there playing 5 Lark 40 false');
    assert.equal(view.heard, rig.clock.now());
    assert.ok((await controller.side.now(device(), never)).revision > view.revision);
    assert.equal(requests('subscribe'), 0, 'and not watched');
  });

  it('tell by themselves: nothing is asked again', async () => {
    assert.equal(show(await wait(0)), 'connecting     ');
    const first = await look();
    assert.equal(show(first), 'there idle   40 false');
    const next = wait(first.revision);
    await rig.clock.advance(5000);
    rig.control.say({ state: 'playing', position: 1 });
    const second = await next;
    assert.equal(show(second), 'there playing 1  40 false');
    assert.equal(second.heard, rig.clock.now());
    assert.ok(second.revision > first.revision);
    rig.control.show(playingItem('Lark'));
    rig.control.emit('variable', { name: 'mute', value: true });
    assert.equal(show(await look()), 'there playing 1 Lark 40 true');
    rig.control.show(undefined);
    assert.equal(show(await look()), 'there playing 1  40 true');
    assert.equal(requests('status'), 0);
    assert.equal(requests('subscribe'), 4);
  });

  it('are asked once where they are subscribed to and say nothing', async () => {
    const pair = controller.meet();
    pair.tap = (from, stanza) => (from === 'b' && stanza.name === 'message' ? undefined : stanza);
    assert.equal(show(await look()), 'there     ');
    await rig.clock.advance(patience);
    assert.equal(show(await look()), 'there idle    ');
    await rig.clock.advance(linger / 2);
    assert.equal(requests('status'), 1);
  });

  it('that are lost are reached again, less and less often, and then tell how they are', async () => {
    await look();
    rig.control.say({ state: 'playing', position: 1 });
    await look();
    controller.isReachable = false;
    controller.lose();
    let view = await look();
    assert.equal(show(view), 'lost playing 1  40 false', 'the last that was known');
    const tried = controller.dialed;
    const waiting = wait(view.revision);
    await rig.clock.advance(4 * pauses.first);
    assert.equal(controller.dialed, tried + 3, 'after the pace, the first pause, and twice that');
    await rig.clock.advance(4 * pauses.max);
    const before = controller.dialed;
    assert.ok(before < tried + 12, `tried ${before - tried} times`);
    controller.isReachable = true;
    rig.control.say({ state: 'paused', position: 77 });
    await rig.clock.advance(pauses.max);
    assert.equal(show(await waiting), 'there playing 1  40 false');
    view = await look();
    assert.equal(show(view), 'there paused 77  40 false');
    assert.equal(controller.dialed, before + 1);
  });

  for (const [what, happen] of [['calls', () => void controller.meet()], ['is present again', () => controller.presence(true)]] as const) {
    it(`that are lost are reached at once when the device ${what}`, async () => {
      await look();
      controller.isReachable = false;
      controller.lose();
      const view = await look();
      const waiting = wait(view.revision);
      await rig.clock.advance(10 * pauses.max);
      const tried = controller.dialed;
      controller.isReachable = true;
      happen();
      await rig.clock.advance(pauses.pace);
      assert.equal((await waiting).reach, 'there');
      assert.ok(controller.dialed <= tried + 1);
      assert.equal(show(await look()), 'there idle   40 false');
    });
  }

  it('are not tried anew by whatever else happens among devices', async () => {
    controller.isReachable = false;
    controller.presence(true);
    await look();
    const waiting = wait((await look()).revision).catch(() => undefined);
    await rig.clock.advance(pauses.max);
    const tried = controller.dialed;
    for (let i = 0; i < 10; i += 1) controller.presence(true);
    await rig.clock.advance(pauses.pace);
    assert.equal(controller.dialed, tried);
    controller.side.stop();
    await waiting;
  });

  it('go on over another stream when one of several ends', async () => {
    controller.meet();
    await look();
    controller.meet();
    const before = await look();
    controller.pairs[1]?.close();
    const view = await look();
    assert.equal(view.reach, 'there');
    assert.equal(controller.dialed, 0);
    rig.control.say({ state: 'playing', position: 3 });
    assert.equal((await wait(view.revision)).status?.position, 3);
    assert.ok(view.revision >= before.revision);
    await rig.clock.advance(pauses.pace);
  });

  it('are as they have told, whatever they had answered before that', async () => {
    rig.control.say({ state: 'buffering' });
    await look();
    for (const pair of rig.pairs) pair.hold('b');
    const asked = controller.side.now(device(), never);
    await settle();
    rig.control.say({ state: 'playing', position: 1 });
    await settle();
    for (const pair of rig.pairs) pair.release('b');
    assert.equal(show(await asked), 'there playing 1  40 false');
    assert.equal(show(await look()), 'there playing 1  40 false');
    rig.control.say({ state: 'paused', position: 2 });
    assert.equal(show(await controller.side.now(device(), never)), 'there paused 2  40 false');
  });

  it('are not watched any more when nobody has waited for a while, and told so', async () => {
    const view = await look();
    const leave = new AbortController();
    const waiting = wait(view.revision, leave.signal);
    await rig.clock.advance(3 * linger);
    leave.abort(new XpmnError('aborted', 'Gone.'));
    await assert.rejects(waiting, isCode('aborted'));
    await rig.clock.advance(linger - 1);
    assert.equal(requests('unsubscribe'), 0);
    await rig.clock.advance(1);
    assert.equal(requests('unsubscribe'), 4);
    rig.control.say({ state: 'playing' });
    await settle();
    assert.ok(!rig.pairs.some(({ sent }) => sent.some(({ stanza }) => stanza.name === 'message' && JSON.stringify(stanza).includes('"playing"'))));
    assert.equal(show(await wait(0)), 'connecting     ', 'and anew when somebody comes');
    assert.equal(show(await look()), 'there playing   40 false');
  });

  it('have newer revisions than ever before, whichever side they were seen by', async () => {
    const now = await controller.side.now(device(), never);
    const first = await wait(now.revision);
    assert.ok(first.revision > now.revision);
    assert.equal(first.reach, 'there');
    await rig.clock.advance(1000);
    const later = new ControllerRig(rig, { resource: 'later' });
    assert.ok((await later.side.wait(device(), first.revision, never)).revision > first.revision);
    later.side.stop();
  });

  it('that say no are not waited for', async () => {
    controller.refusal = new XpmnError('not-trusted', 'Who are you?');
    const { revision } = await wait(0);
    await assert.rejects(wait(revision), isCode('not-trusted'));
    controller.refusal = undefined;
    rig.events.stop();
    await assert.rejects(wait((await wait(0)).revision), isCode('not-found'), 'a device that is no player');
    rig.events.start();
    assert.equal(show(await look()), 'there idle   40 false');
  });

  it('without variables are players, too', async () => {
    rig.events.stop();
    [rig.control.controls, rig.control.variables] = [[], []];
    rig.events.start();
    assert.equal(show(await look()), 'there idle    ');
    assert.equal(show(await controller.side.now(device(), never)), 'there idle    ');
  });

  it('are lost when they say that they are no more', async () => {
    await look();
    rig.events.stop();
    const view = await look();
    assert.equal(view.reach, 'lost');
    rig.events.start();
    await rig.clock.advance(2 * pauses.first);
    assert.equal((await look()).reach, 'there');
  });

  it('are so many, and no more; one that nobody waits for gives way', async () => {
    const few = new ControllerRig(rig, { resource: 'few', watch: { players: 1 } });
    few.isReachable = false;
    const other = parseJid('me@home.test/other');
    const { revision } = await few.side.wait(device(), 0, never);
    const leave = new AbortController();
    const waiting = few.side.wait(device(), revision + 1000, leave.signal).catch(() => undefined);
    await assert.rejects(few.side.wait(other, 0, never), isCode('resource-limit'));
    leave.abort();
    await waiting;
    await few.side.wait(other, 0, never);
    few.side.stop();
  });

  it('end with the gateway: who waits is told', async () => {
    const waiting = wait((await look()).revision);
    controller.side.stop();
    await assert.rejects(waiting, isCode('not-running'));
    assert.equal(controller.device.listenerCount('message'), 0);
  });

  it('are heard as the thesis writes it, and not when they make no sense', async () => {
    const view = await look();
    const pair = controller.pairs[0];
    const tell = (node: string, id: string, payload?: ReturnType<typeof xml>): void => pair?.inject('a', message({ type: 'headline' }, formatEvent({ node, published: [{ id, payload }], retracted: [] })));
    for (const [node, id, payload] of [
      [STATUS_NODE, 'status', xml('dancing', NS.player)], [STATUS_NODE, 'other', xml('playing', NS.player)], [STATUS_NODE, 'status', undefined], [METADATA_NODE, 'current', xml('thing', NS.metadata)],
      [controlNode('mute'), 'mute', xml('variable', NS.control, { name: 'volume' }, '1')], [controlNode('volume'), 'volume', xml('variable', NS.control, { name: 'volume' }, 'loud')], ['urn:other', 'status', xml('playing', NS.player)],
    ] as const) tell(node, id, payload);
    assert.deepEqual(await look(), view);
    tell(STATUS_NODE, 'status', xml('stopped', NS_PUBSUB_EVENT));
    assert.equal((await look()).status?.state, 'stopped');
    controller.device.emit('message', message({}, formatEvent({ node: STATUS_NODE, published: [{ id: 'status', payload: xml('playing', NS.player) }], retracted: [] })), { ...pair?.a.channel, peer: undefined } as never);
    assert.equal((await look()).status?.state, 'stopped', 'not on a stream that proves nothing');
  });
});
