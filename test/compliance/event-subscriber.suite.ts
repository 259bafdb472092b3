import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import type { EventSubscriber, EventSubscription, EventedService } from '../../src/upnp/gena.ts';
import { settle } from '../support/fake-clock.ts';
import { EventLog } from '../support/event-log.ts';

type Properties = Readonly<Record<string, string>>;

/** A service of a device that the test moves. */
export interface EventingDevice {
  /** Where it is now. */
  readonly service: EventedService;
  /** `mute`: takes subscriptions and tells nothing. `dead`: answers nothing at all. */
  manner: 'telling' | 'mute' | 'refusing' | 'dead';
  /** All that it has to tell; each new subscriber is told. */
  readonly properties: Properties;
  /** Subscriptions that it holds now. */
  readonly subscriptions: number;
  /** Changes properties and tells all subscribers; resolves when they have taken it. */
  change(properties: Properties): Promise<void>;
  /** The same, but what it tells is lost on the way. */
  changeUnheard(properties: Properties): void;
  /** Knows no subscription any more, and is at another URL. */
  restart(): Promise<void>;
}

export interface EventSubscriberRig {
  readonly subscriber: EventSubscriber;
  readonly device: EventingDevice;
  /** Lets the time pass within which a first event has to come. */
  passPatience(): Promise<void>;
  /** Lets so much time pass that whoever was refused tries again. */
  passPause(): Promise<void>;
  /** Lets so much time pass that a silent device is tried anew. */
  passSilence(): Promise<void>;
  /** Sockets and timers that are still open, once what is ending has ended. */
  leftovers(): Promise<number>;
  close(): Promise<void>;
}

const { signal } = new AbortController();

/** The contract of upnp/gena.ts. */
export function describeEventSubscriber(name: string, setup: () => Promise<EventSubscriberRig>): void {
  describe(`event subscriber: ${name}`, () => {
    let rig: EventSubscriberRig;
    let device: EventingDevice;
    let log: EventLog;

    beforeEach(async () => {
      rig = await setup();
      ({ device } = rig);
      log = new EventLog();
    });

    afterEach(async () => {
      await rig.subscriber.close();
      await rig.close();
    });

    const subscribe = (listener = log): EventSubscription => rig.subscriber.subscribe(() => device.service, listener);

    it('tells what there is, and then that it is all', async () => {
      const subscription = subscribe();
      assert.deepEqual([subscription.state, log.lines], ['subscribing', []], 'nobody is told before the caller has it');
      await log.reaches('live');
      assert.deepEqual([log.lines, subscription.state, device.subscriptions], [[device.properties, 'live'], 'live', 1]);
    });

    it('tells each change, in order, and no state twice', async () => {
      subscribe();
      await log.reaches('live');
      for (const value of ['1', '2', '3']) await device.change({ Volume: value, Text: `<ö ${value} & "日本">` });
      await log.until(({ events }) => events.length === 4);
      assert.deepEqual(log.events.slice(1), ['1', '2', '3'].map((value) => ({ Volume: value, Text: `<ö ${value} & "日本">` })));
      assert.deepEqual(log.states, ['live']);
    });

    it('has a state that is the one it told', async () => {
      const states: string[] = [];
      const subscription: EventSubscription = rig.subscriber.subscribe(() => device.service, {
        event: (properties) => log.event(properties),
        state: (state) => {
          states.push(`${state} ${subscription.state}`);
          log.state(state);
        },
      });
      await log.reaches('live');
      assert.deepEqual(states, ['live live']);
    });

    it('is told all again after a loss', async () => {
      const subscription = subscribe();
      await log.reaches('live');
      device.changeUnheard({ Volume: '7' });
      await device.change({ Mute: '1' });
      await log.reaches('live', 2);
      assert.deepEqual(log.states, ['live', 'subscribing', 'live']);
      assert.deepEqual([log.events.at(-1), subscription.state], [device.properties, 'live']);
      assert.equal(device.properties.Volume, '7');
      await settle();
      assert.equal(device.subscriptions, 1);
    });

    it('calls a device silent that never tells, and live once it does', async () => {
      device.manner = 'mute';
      const subscription = subscribe();
      await rig.passPatience();
      await log.reaches('silent');
      assert.deepEqual([log.lines, subscription.state], [['silent'], 'silent']);
      device.manner = 'telling';
      await rig.passSilence();
      await log.reaches('live');
      assert.deepEqual(log.lines, ['silent', device.properties, 'live']);
    });

    it('says that it was refused, and goes on trying', async () => {
      device.manner = 'refusing';
      const subscription = subscribe();
      await log.reaches('refused');
      assert.equal(subscription.state, 'refused');
      await rig.passPause();
      assert.deepEqual(log.lines, ['refused'], 'once is enough');
      device.manner = 'telling';
      await rig.passPause();
      await log.reaches('live');
      assert.deepEqual(log.events, [device.properties]);
    });

    it('takes it for a refusal that nobody knows where the device is', async () => {
      let known = false;
      rig.subscriber.subscribe(() => {
        if (!known) throw new XpmnError('unreachable', 'Not described yet.');
        return device.service;
      }, log);
      await log.reaches('refused');
      known = true;
      await rig.passPause();
      await log.reaches('live');
    });

    it('subscribes again at once when told to, wherever the device is now', async () => {
      const subscription = subscribe();
      await log.reaches('live');
      await device.restart();
      subscription.renewNow();
      await log.reaches('live', 2);
      assert.deepEqual(log.lines, [device.properties, 'live', 'subscribing', device.properties, 'live']);
      await device.change({ Volume: '3' });
      await log.until(({ events }) => events.length === 3);
    });

    it('tries a refusing one again at once when told to', async () => {
      device.manner = 'refusing';
      const subscription = subscribe();
      await log.reaches('refused');
      device.manner = 'telling';
      subscription.renewNow();
      await log.reaches('live');
    });

    it('tells nothing once it is closed, and says so to the device', async () => {
      const subscription = subscribe();
      await log.reaches('live');
      await subscription.close({ signal });
      await subscription.close({ signal });
      assert.equal(device.subscriptions, 0);
      const before = [...log.lines];
      subscription.renewNow();
      await device.change({ Volume: '1' });
      await rig.passPause();
      assert.deepEqual([log.lines, device.subscriptions], [before, 0]);
    });

    it('can be closed before anything has come', async () => {
      const subscription = subscribe();
      await subscription.close({ signal });
      await rig.passPatience();
      assert.deepEqual([log.lines, device.subscriptions], [[], 0]);
    });

    it('waits no longer for the farewell than it may', async () => {
      const subscription = subscribe();
      await log.reaches('live');
      device.manner = 'dead';
      const controller = new AbortController();
      const closing = subscription.close({ signal: controller.signal });
      controller.abort(new XpmnError('aborted', 'Enough.'));
      await closing;
      await subscription.close({ signal: AbortSignal.abort() });
    });

    it('keeps subscriptions apart', async () => {
      const second = new EventLog();
      const subscription = subscribe();
      subscribe(second);
      await Promise.all([log.reaches('live'), second.reaches('live')]);
      assert.equal(device.subscriptions, 2);
      await device.change({ Volume: '1' });
      await Promise.all([log, second].map((one) => one.until(({ events }) => events.length === 2)));
      await subscription.close({ signal });
      await device.change({ Volume: '2' });
      await second.until(({ events }) => events.length === 3);
      assert.deepEqual([log.events.length, device.subscriptions, second.states], [2, 1, ['live']]);
    });

    it('goes on after a listener that failed', async () => {
      const second = new EventLog();
      rig.subscriber.subscribe(() => device.service, { event: () => { throw new Error('broken'); }, state: () => { throw new Error('broken'); } });
      subscribe(second);
      await second.reaches('live');
      await device.change({ Volume: '1' });
      await second.until(({ events }) => events.length === 2);
    });

    it('is closed with all that is open in it', async () => {
      const subscriptions = [subscribe(), subscribe(new EventLog())];
      await log.reaches('live');
      await rig.subscriber.close();
      await rig.subscriber.close();
      await settle();
      assert.equal(await rig.leftovers(), 0);
      const before = [...log.lines];
      for (const one of subscriptions) {
        one.renewNow();
        await one.close({ signal });
      }
      await rig.passPause();
      assert.deepEqual(log.lines, before);
      assert.throws(() => subscribe(), { code: 'not-running' });
    });

    it('is closed while nobody answers', async () => {
      device.manner = 'dead';
      subscribe();
      await settle();
      await rig.subscriber.close();
      await settle();
      assert.deepEqual([await rig.leftovers(), log.lines], [0, []]);
    });
  });
}
