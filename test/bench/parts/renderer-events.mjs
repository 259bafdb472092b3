/*
 * Event subscriptions of one service, device side (UPnP Device Architecture 2.0 §4.1).
 */
import { randomUUID } from 'node:crypto';
import { Agent, request } from 'node:http';
import { propertySet } from './renderer-services.mjs';

const SECONDS = 1800;
const agent = new Agent({ keepAlive: true });

export class Publisher {
  /** By SID. */
  subscriptions = new Map();
  current;

  /** `current`: all evented properties as they are. */
  constructor(current) {
    this.current = current;
  }

  /** Answers SUBSCRIBE and UNSUBSCRIBE. */
  handle({ method, headers }, response) {
    const known = headers.sid === undefined ? undefined : this.subscriptions.get(headers.sid);
    if (headers.sid !== undefined && !known) return void response.writeHead(412).end();
    if (method === 'UNSUBSCRIBE') {
      this.subscriptions.delete(headers.sid);
      return void response.writeHead(known ? 200 : 412).end();
    }
    const subscription = known ?? this.subscribe(/<(http:[^>]+)>/.exec(headers.callback ?? '')?.[1]);
    if (!subscription) return void response.writeHead(412).end();
    subscription.expires = Date.now() + SECONDS * 1000;
    response.writeHead(200, { 'SID': subscription.sid, 'TIMEOUT': `Second-${SECONDS}`, 'Content-Length': 0 }).end();
    if (!known) response.once('finish', () => send(subscription, this.current()));
  }

  /** Tells all; resolves when all have been told. */
  async publish(properties) {
    for (const [sid, { expires }] of this.subscriptions) if (expires < Date.now()) this.subscriptions.delete(sid);
    await Promise.all([...this.subscriptions.values()].map((subscription) => send(subscription, properties)));
  }

  subscribe(callback) {
    if (callback === undefined) return undefined;
    const subscription = { sid: `uuid:${randomUUID()}`, callback, sequence: 0, sent: Promise.resolve() };
    this.subscriptions.set(subscription.sid, subscription);
    return subscription;
  }
}

/** One after another: the next number is sent when the one before has been taken. */
function send(subscription, properties) {
  subscription.sent = subscription.sent.then(() => notify(subscription, propertySet(properties)));
  return subscription.sent;
}

function notify(subscription, body) {
  const headers = {
    'Content-Type': 'text/xml; charset="utf-8"', 'NT': 'upnp:event', 'NTS': 'upnp:propchange', 'SID': subscription.sid, 'SEQ': subscription.sequence,
    'Content-Length': Buffer.byteLength(body),
  };
  subscription.sequence += 1;
  return new Promise((resolve) => {
    // Who does not listen is told again by what comes next.
    request(subscription.callback, { method: 'NOTIFY', headers, agent, timeout: 5_000 }, (response) => response.resume().once('close', resolve))
      .on('timeout', function () { this.destroy(); }).on('error', resolve).end(body);
  });
}
