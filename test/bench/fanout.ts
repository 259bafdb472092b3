import { setImmediate as turn } from 'node:timers/promises';
import rival from '@xmpp/xml';
import type { Element } from '@xmpp/xml';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { TaskGroup } from '../../src/xpmn/kernel/tasks.ts';
import { serialise, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { PubsubService } from '../../src/xpmn/pubsub/service.ts';
import { PubsubWire, elementBytes } from '../../src/xpmn/pubsub/wire.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { NS_CLIENT } from '../../src/xpmn/xmpp/stanza.ts';
import { settings } from '../support/settings.ts';
import type { LocalBench, LocalContext } from './parts/bench.ts';
import { figure, ratio } from './parts/figures.ts';
import type { Figure } from './parts/figures.ts';
import { alternate } from './parts/rounds.ts';
import type { Rounds } from './parts/rounds.ts';
import { startToldSessions } from './parts/told-sessions.ts';
import type { ToldSessions } from './parts/told-sessions.ts';

const SESSIONS = 100;
const TOGETHER = 10;
/** Events, or tens of them, in one measurement. */
const REPEATS = { full: 300, quick: 60 };

const NS_EVENT = 'http://jabber.org/protocol/pubsub#event';
const NODE = 'urn:xmpp:xpmn:playback:0';
const OWN = ['own'] as const;

interface Way {
  readonly events: number;
  /** Tells all sessions of so many events. */
  readonly tell: () => void;
}

/** One change, told to a hundred devices over TLS, as the gateway does it, and as programs on @xmpp/client do, which build and write a stanza for each: G20. */
export const fanout: LocalBench = {
  title: `an event to ${SESSIONS} end-to-end streams over TLS (G20)`,
  isLocal: true,
  async run(context) {
    const sessions = await startToldSessions(SESSIONS);
    const tasks = new TaskGroup((error) => context.say(String(error)));
    try {
      const wire = wireTo(sessions, tasks);
      return figuresOf(await measure({
        'gateway': { events: 1, tell: () => wire(1) },
        'gateway, ten in a tick': { events: TOGETHER, tell: () => wire(TOGETHER) },
        'each': { events: 1, tell: () => writeEach(sessions, 1) },
        'each, ten in a tick': { events: TOGETHER, tell: () => writeEach(sessions, TOGETHER) },
        'bytes alone': { events: 1, tell: () => writeOnly(sessions, 1) },
        'bytes alone, of ten': { events: TOGETHER, tell: () => writeOnly(sessions, TOGETHER) },
      }, context));
    } finally {
      await tasks.close();
      await sessions.stop();
    }
  },
};

function measure<Name extends string>(ways: Readonly<Record<Name, Way>>, { options, say }: LocalContext): Promise<Rounds<Name, number>> {
  return alternate(Object.keys(ways) as Name[], options.rounds, async (name) => {
    const { events, tell } = ways[name];
    const cost = await costOf(tell, options.quick ? REPEATS.quick : REPEATS.full) / events;
    say(`${name}: ${cost.toFixed(2)} us`);
    return cost;
  });
}

type Name = 'gateway' | 'gateway, ten in a tick' | 'each' | 'each, ten in a tick' | 'bytes alone' | 'bytes alone, of ten';

function figuresOf(costs: Rounds<Name, number>): Figure[] {
  const { gateway, each } = costs;
  return [
    ratio('G20', 'one event / xml() and write for each', gateway, each, { atMost: 0.45 }),
    ratio('G20', 'one of ten in a tick / xml() and write for each', costs['gateway, ten in a tick'], each, { atMost: 0.07 }),
    ratio('', 'one event / its bytes written to all, and nothing else', gateway, costs['bytes alone']),
    ratio('', 'its bytes written to all, and nothing else / xml() and write for each', costs['bytes alone'], each),
    ratio('', 'the bytes of ten, and nothing else, by event / xml() and write for each', costs['bytes alone, of ten'], each),
    ...Object.entries(costs).map(([name, values]) => figure('', name, 'us an event and session', values)),
  ];
}

/** Microseconds of CPU a session; what a turn of the event loop leaves to the next one counts. */
async function costOf(tell: () => void, repeats: number): Promise<number> {
  const before = process.cpuUsage();
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    tell();
    await turn();
    await turn();
  }
  const { user, system } = process.cpuUsage(before);
  return (user + system) / repeats / SESSIONS;
}

/** Tells so many events at once, as a device does that has a node to which all have subscribed: each of another item. */
function wireTo({ streams }: ToldSessions, tasks: TaskGroup): (events: number) => void {
  const service = new PubsubService<XmlElement>({ sizeOf: elementBytes }, settings.pubsub);
  const registry = new IqRouter({ log: silentLogger }, settings.iq);
  const channels = streams.map(({ channel }) => channel);
  const wire = new PubsubWire({ service, registry, tasks, log: silentLogger, channels: () => channels }, settings.pubsub);
  const items = new Map<string, XmlElement>();
  const rights = { list: OWN, read: OWN, publish: [], retract: [], subscribe: OWN };
  service.addNode({ name: NODE, rights, automatic: OWN, items: { all: () => [...items].map(([id, payload]) => ({ id, payload })) } });
  let position = 0;
  return (events) => {
    for (let index = 0; index < events; index += 1) {
      const item = { id: itemId(index), payload: payload(position += 1) };
      items.set(item.id, item.payload);
      wire.notify(service.notification(NODE, { published: [item], retracted: [] }, wire.present()));
    }
  };
}

/** What a program does that sends to each what it has for it. */
function writeEach({ bare }: ToldSessions, events: number): void {
  for (const { stream, peer: { jid }, local } of bare) {
    for (let index = 0; index < events; index += 1) stream.write(rivalMessage(jid, local, index).toString());
  }
}

/** Nothing can be less than that: a call and a TLS record for each. */
function writeOnly({ bare }: ToldSessions, events: number): void {
  const bytes = Buffer.from(Array.from({ length: events }, (_, index) => serialise(message(index), NS_CLIENT)).join(''));
  for (const { stream } of bare) stream.write(bytes);
}

function message(position: number): XmlElement {
  const items = xml('items', NS_EVENT, { node: NODE }, xml('item', NS_EVENT, { id: itemId(position) }, payload(position)));
  return xml('message', NS_CLIENT, { type: 'headline' }, xml('event', NS_EVENT, {}, items));
}

/** The same as `message`, to somebody. */
function rivalMessage(to: Jid, from: Jid, position: number): Element {
  const status = rival('status', { xmlns: NODE, ...STATUS, position: String(position) }, rival('uri', {}, uri(position)), rival('session', {}, SESSION));
  const items = rival('items', { node: NODE }, rival('item', { id: itemId(position) }, status));
  return rival('message', { to, from, type: 'headline' }, rival('event', { xmlns: NS_EVENT }, items));
}

const itemId = (index: number): string => `status-${index}`;

/** About as much as a player tells of itself. */
const STATUS = { state: 'playing', duration: '5400', speed: '1', seekable: 'true', pausable: 'true' };
const SESSION = '5f2d6a0c4be9417d';
const uri = (position: number): string => `xmpp:romeo@home.test/nas?media;id=64$0$1$${position}`;

function payload(position: number): XmlElement {
  return xml('status', NODE, { ...STATUS, position }, xml('uri', NODE, {}, uri(position)), xml('session', NODE, {}, SESSION));
}
