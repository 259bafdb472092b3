import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { Worker } from 'node:worker_threads';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import type { EventSubscription } from '../../../src/upnp/gena.ts';
import { EventedDevice, propertySet } from '../../fakes/evented-device.ts';
import { EventLog } from '../../support/event-log.ts';
import { settle } from '../../support/fake-clock.ts';
import { createGenaRig } from '../../support/gena-rig.ts';
import type { GenaRig } from '../../support/gena-rig.ts';
import { settings } from '../../support/settings.ts';

const { callback } = settings.upnp.gena;
const { signal } = new AbortController();
const SET = propertySet({ Volume: '1' });

describe('event subscriptions over HTTP', () => {
  let rig: GenaRig;
  let device: EventedDevice;
  let log: EventLog;

  const setUp = async (patience: Partial<typeof callback> = {}): Promise<void> => {
    rig = await createGenaRig({ options: { callback: { ...callback, connectionsPerHost: 4, ...patience } } });
    ({ device } = rig);
    log = new EventLog();
  };
  beforeEach(() => setUp());

  afterEach(async () => {
    await rig.subscriber.close();
    await rig.close();
  });

  const subscribe = (listener = log): EventSubscription => rig.subscriber.subscribe(() => device.service, listener);
  const goLive = async (): Promise<EventSubscription> => {
    const subscription = subscribe();
    await log.reaches('live');
    return subscription;
  };
  const raw = async (text: string): Promise<Socket> => {
    const { hostname, port } = new URL(device.subscription.callback);
    const socket = connect(Number(port), hostname);
    await once(socket, 'connect');
    socket.on('error', () => undefined).write(text);
    return socket;
  };
  const ended = async (socket: Socket): Promise<string> => {
    let said = '';
    for await (const chunk of socket.setEncoding('latin1')) said += String(chunk);
    return said;
  };

  describe('what is asked', () => {
    it('has the headers of a first subscription, of a renewal, and of the end', async () => {
      const subscription = await goLive();
      const { sid, callback: url } = device.subscription;
      assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/[\da-f]{32}$/);
      const headersOf = (at: number): unknown[] => {
        const { method, headers } = device.requests[at] as { method: string; headers: Record<string, string> };
        return [method, headers.host, headers.nt, headers.callback, headers.sid, headers.timeout];
      };
      const { host } = device.service.eventUrl;
      assert.deepEqual(headersOf(0), ['SUBSCRIBE', host, 'upnp:event', `<${url}>`, undefined, 'Second-1800']);
      await rig.pass(900_000);
      assert.deepEqual(headersOf(1), ['SUBSCRIBE', host, undefined, undefined, sid, 'Second-1800']);
      await subscription.close({ signal });
      assert.deepEqual([...headersOf(2), device.requests.length], ['UNSUBSCRIBE', host, undefined, undefined, sid, undefined, 3]);
      assert.deepEqual(log.states, ['live']);
    });

    it('is asked anew where the device forgot, moved, or the way to it changed', async () => {
      await goLive();
      device.known.clear();
      await rig.pass(900_000);
      await log.reaches('live', 2);
      const { callback: before } = device.subscription;
      rig.local = '127.0.0.8';
      await rig.pass(900_000);
      await log.reaches('live', 3);
      assert.deepEqual([new URL(device.subscription.callback).hostname, new URL(before).hostname], ['127.0.0.8', '127.0.0.1']);
      await device.restart();
      await rig.pass(900_000);
      await log.reaches('live', 4);
    });

    it('takes a renewal without a SID, and one with another', async () => {
      await goLive();
      device.grant = () => ({ TIMEOUT: 'Second-infinite' });
      await rig.pass(900_000);
      await device.change({ Volume: '1' });
      device.grant = () => ({ SID: 'uuid:other', TIMEOUT: 'Second-1800' });
      device.known.set('uuid:other', device.subscription);
      await rig.pass(900_000);
      assert.equal(await device.notify({ ...device.subscription, sid: 'uuid:other' }, SET), 200);
      await log.until(({ events }) => events.length === 3);
      assert.deepEqual(log.states, ['live']);
    });

    it('is refused by an answer that names no subscription', async () => {
      device.grant = () => ({ TIMEOUT: 'Second-1800' });
      device.manner = 'mute';
      subscribe();
      await log.reaches('refused');
      assert.equal(await rig.leftovers(), 1, 'the timer of the next attempt, and no listener');
    });

    it('never goes where the device is not', async () => {
      rig.subscriber.subscribe(() => ({ ...device.service, allowedHosts: ['192.0.2.1'] }), log);
      await log.reaches('refused');
      assert.equal(device.requests.length, 0);
    });
  });

  describe('a NOTIFY', () => {
    it('counts before the answer to SUBSCRIBE', async () => {
      device.isHasty = true;
      await goLive();
      assert.deepEqual([device.answers, log.events], [[200], [device.properties]]);
    });

    it('is answered before anybody has heard of it', async () => {
      const flag = new Int32Array(new SharedArrayBuffer(4));
      const seen: string[] = [];
      const subscription: EventSubscription = rig.subscriber.subscribe(() => device.service, {
        // nothing else can happen in this process meanwhile
        event: () => subscription.state === 'live' && seen.push(Atomics.wait(flag, 0, 0, 5000)),
        state: (state) => log.state(state),
      });
      await log.reaches('live');
      const { callback: url, sid } = device.subscription;
      const script = `
        const { workerData: { url, sid, body, flag } } = require('node:worker_threads');
        require('node:http').request(url, { method: 'NOTIFY', agent: false, headers: { SID: sid, SEQ: '1' } }, (response) => {
          response.resume();
          Atomics.store(flag, 0, 1);
          Atomics.notify(flag, 0);
        }).end(body);`;
      const worker = new Worker(script, { eval: true, workerData: { url, sid, body: SET, flag } });
      await once(worker, 'exit');
      assert.ok(seen.length === 1 && seen[0] !== 'timed-out', seen.join());
    });

    it('reaches its listener without any pause', async () => {
      await goLive();
      // the clock stands still: what waited for it would never be heard
      for (let time = 0; time < 20; time += 1) {
        await device.change({ Volume: String(time) });
        await log.until(({ events }) => events.length === time + 2);
      }
    });

    it('may be of any size up to the limit, and is a loss beyond it', async () => {
      await goLive();
      const room = callback.bodyBytes - Buffer.byteLength(propertySet({ A: '' }));
      assert.equal(await device.notify(device.subscription, propertySet({ A: 'x'.repeat(room) })), 200);
      await log.until(({ events }) => events.length === 2);
      device.manner = 'mute';
      assert.ok([413, 0].includes(await device.notify(device.subscription, propertySet({ A: 'x'.repeat(room + 1) }))));
      await log.reaches('subscribing');
      assert.equal(rig.subscriber.counts.missed, 1);
    });

    it('is a loss where it is one of too many: reading them would leave no time for anything else', async () => {
      await goLive();
      device.manner = 'mute';
      const body = propertySet({ A: 'x'.repeat(callback.bodyBytes / 2) });
      const fit = Math.floor((2 * rig.options.bytesPerSecond) / Buffer.byteLength(body));
      for (let i = 0; i < fit; i += 1) await device.notify(device.subscription, body);
      await log.until(({ events }) => events.length === 1 + fit);
      assert.equal(rig.subscriber.counts.missed, 0);
      await device.notify(device.subscription, body);
      await log.reaches('subscribing');
      assert.deepEqual([log.events.length, rig.subscriber.counts.missed], [1 + fit, 1]);
    });

    it('is a loss where nobody can read it', async () => {
      await goLive();
      assert.equal(await device.notify(device.subscription, '<html>'), 200);
      await log.reaches('live', 2);
      assert.deepEqual([log.states, rig.subscriber.counts], [['live', 'subscribing', 'live'], { events: 3, missed: 1 }]);
    });

    it('is refused with another SID, without one, elsewhere, and with another method', async () => {
      await goLive();
      const { callback: url, sid } = device.subscription;
      const head = { NT: 'upnp:event', NTS: 'upnp:propchange', SEQ: '1' };
      assert.equal(await device.send(url, SET, { ...head, SID: 'uuid:other' }), 412);
      assert.equal(await device.send(url, SET, head), 412);
      assert.equal(await device.send(new URL('/', url).href, SET, { ...head, SID: sid }), 412);
      assert.equal(await device.send(`${url}?x`, SET, { ...head, SID: sid }), 412);
      for (const method of ['GET', 'POST', 'SUBSCRIBE', 'M-SEARCH']) assert.equal(await device.send(url, SET, { ...head, SID: sid }, { method }), 405, method);
      assert.equal(await device.notify(device.subscription, SET), 200);
      await log.until(({ events }) => events.length === 2);
      assert.deepEqual(log.states, ['live']);
    });

    it('is refused at the path of an attempt that is over', async () => {
      const subscription = await goLive();
      const former = device.subscription;
      subscribe(new EventLog());
      subscription.renewNow();
      await log.reaches('live', 2);
      assert.equal(await device.notify(former, SET), 412);
    });

    it('is refused from a foreign address, though it knows everything', async () => {
      await goLive();
      const { callback: url, sid } = device.subscription;
      assert.equal(await device.send(url, SET, { SID: sid, SEQ: '1' }, { from: '127.0.0.2' }), 0);
      // neither from the host of another subscription
      const neighbour = await EventedDevice.start('127.0.0.2');
      const second = new EventLog();
      const other = rig.subscriber.subscribe(() => neighbour.service, second);
      await second.reaches('live');
      assert.equal(new URL(neighbour.subscription.callback).port, new URL(url).port, 'one listener for both');
      assert.equal(await device.send(url, SET, { SID: sid, SEQ: '1' }, { from: '127.0.0.2' }), 412);
      await other.close({ signal });
      await neighbour.close();
      assert.deepEqual([log.events.length, log.states], [1, ['live']]);
    });

    for (const version of ['1.0', '1.1']) it(`may come without Host, over HTTP/${version}, and byte by byte`, async () => {
      await goLive();
      const { callback: url, sid } = device.subscription;
      const socket = await raw(`NOTIFY ${new URL(url).pathname} HTTP/${version}\r\nConnection:close\r\nSID:${sid}\r\nSEQ:1\r\nContent-Length:${Buffer.byteLength(SET)}\r\n\r\n`);
      for (const byte of SET) socket.write(byte);
      assert.match(await ended(socket), /^HTTP\/1\.1 200 /);
      await log.until(({ events }) => events.length === 2);
      assert.deepEqual(log.states, ['live']);
    });
  });

  describe('a device that says only half', () => {
    beforeEach(async () => {
      await rig.close();
      await setUp({ requestTimeout: 1000 });
    });

    it('is not waited for without end, nor are connections kept that say nothing', async () => {
      await goLive();
      const { callback: url, sid } = device.subscription;
      const { pathname } = new URL(url);
      const half = await raw(`NOTIFY ${pathname} HTTP/1.1\r\nSID: ${sid}\r\nSEQ: 1\r\nContent-Length: 100\r\n\r\n<half`);
      const idle = await raw('');
      await Promise.all([ended(half), ended(idle)]);
      assert.equal(await device.notify(device.subscription, SET), 200);
      await log.until(({ events }) => events.length === 2);
    });

    it('finds its way though others of its host hold all the connections they may', async () => {
      await goLive();
      const idle = await Promise.all(['', '', '', ''].map(raw));
      assert.equal(await device.notify(device.subscription, SET), 0);
      await Promise.all(idle.map(ended));
      assert.equal(await device.notify({ ...device.subscription, seq: 1 }, SET), 200);
    });
  });

  it('lets no dead device keep another one waiting', async () => {
    const dead = await EventedDevice.start('127.0.0.3');
    dead.manner = 'dead';
    for (let time = 0; time < 2 * settings.upnp.requester.connections; time += 1) rig.subscriber.subscribe(() => dead.service, new EventLog());
    await goLive();
    await rig.subscriber.close();
    await dead.close();
  });

  it('ends though a device does not hear the farewell', async () => {
    await goLive();
    device.manner = 'dead';
    const closing = rig.subscriber.close();
    const told = Promise.all([closing, rig.subscriber.close()]);
    while (device.requests.at(-1)?.method !== 'UNSUBSCRIBE') await new Promise((resolve) => setImmediate(resolve));
    await rig.clock.advance(rig.options.farewell);
    await told;
    assert.equal(await rig.leftovers(), 0);
  });

  it('listens while somebody needs it, and no longer', async () => {
    const first = await goLive();
    const second = new EventLog();
    const other = subscribe(second);
    await second.reaches('live');
    const ports = [...device.known.values()].map((one) => new URL(one.callback).port);
    assert.equal(ports[0], ports[1]);
    await first.close({ signal });
    await device.change({ Volume: '9' });
    await second.until(({ events }) => events.length === 2);
    const { callback: url } = device.subscription;
    await other.close({ signal });
    assert.equal(await rig.leftovers(), 0);
    assert.equal(await device.send(url, SET, { SID: 'uuid:0000-2', SEQ: '2' }), 0);
    const third = new EventLog();
    subscribe(third);
    await third.reaches('live');
  });

  it('leaves nothing of former attempts, nor of what is still coming in', async () => {
    const subscription = await goLive();
    subscription.renewNow();
    await log.reaches('live', 2);
    const { callback: url, sid } = device.subscription;
    const half = await raw(`NOTIFY ${new URL(url).pathname} HTTP/1.1\r\nSID: ${sid}\r\nContent-Length: 100\r\n\r\n<half`);
    const gone = ended(half).catch(() => undefined);
    await settle(20);
    await subscription.close({ signal });
    await gone;
    assert.equal(await rig.leftovers(), 0);
  });

  it('can be closed by its listener, and told to renew', async () => {
    const closing: EventSubscription = rig.subscriber.subscribe(() => device.service, {
      event: (properties) => {
        log.event(properties);
        void closing.close({ signal });
      },
      state: (state) => log.state(state),
    });
    await log.until(({ events }) => events.length === 1);
    await closing.close({ signal });
    assert.deepEqual([log.states, device.subscriptions], [[], 0]);
    const second = new EventLog();
    let renewals = 0;
    const renewing: EventSubscription = rig.subscriber.subscribe(() => device.service, {
      event: (properties) => second.event(properties),
      state: (state) => {
        second.state(state);
        if (state === 'live' && renewals++ === 0) renewing.renewNow();
      },
    });
    await second.reaches('live', 2);
    assert.deepEqual(second.states, ['live', 'subscribing', 'live']);
  });

  it('says where nobody is reached from', async () => {
    rig.local = '192.0.2.77';
    subscribe();
    await log.reaches('refused');
    rig.local = undefined;
    await rig.clock.advance(settings.upnp.gena.backOff.max);
    await log.reaches('live');
  });

  it('goes on while nobody knows the device', async () => {
    let isLost = false;
    rig.subscriber.subscribe(() => {
      if (isLost) throw new XpmnError('unreachable', 'Gone.');
      return device.service;
    }, log);
    await log.reaches('live');
    isLost = true;
    await rig.pass(900_000);
    await log.reaches('refused');
    assert.deepEqual(log.states, ['live', 'subscribing', 'refused']);
  });
});

describe('event subscriptions over IPv6', () => {
  it('tell the device an address without a scope', async () => {
    const rig = await createGenaRig({ address: '::1' });
    const log = new EventLog();
    rig.subscriber.subscribe(() => rig.device.service, log);
    await log.reaches('live');
    assert.match(rig.device.subscription.callback, /^http:\/\/\[::1\]:\d+\/[\da-f]{32}$/);
    await rig.device.change({ Volume: '2' });
    await log.until(({ events }) => events.length === 2);
    await rig.subscriber.close();
    await rig.close();
  });
});
