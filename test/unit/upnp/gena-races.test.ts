import assert from 'node:assert/strict';
import type { Callback } from '../../../src/upnp/callback-server.ts';
import type { CallbackServers } from '../../../src/upnp/callback-servers.ts';
import { GenaSubscription } from '../../../src/upnp/gena-subscription.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { abortable, deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

describe('an event subscription', () => {
  for (let turns = 0; turns < 16; turns += 1) {
    it(`leaves no callback behind when it is closed, or begun anew, ${turns} microtasks after it has got one`, async () => {
      for (const isAnew of [false, true]) {
        const clock = new FakeClock();
        const opening: Deferred<Callback>[] = [];
        const open = new Set<Callback>();
        const service = { eventUrl: new URL('http://192.0.2.7/evt'), allowedHosts: ['192.0.2.7'], scope: undefined };
        const subscription = new GenaSubscription({
          clock, random: new FakeRandom(), log: silentLogger, counts: { events: 0, missed: 0 },
          requester: { request: (_request, { signal }) => abortable(new Promise(() => undefined), signal), close: () => undefined },
          callbacks: { open: () => (opening.push(deferred()), opening.at(-1)?.promise) } as unknown as CallbackServers,
          findRoute: () => Promise.resolve({ local: '192.0.2.1', remote: '192.0.2.7' }),
          onClosed: () => undefined,
        }, settings.upnp.gena, () => service, { event: () => undefined, state: () => undefined });
        const give = (): void => {
          const callback: Callback = { url: 'http://192.0.2.1/x', release: () => void open.delete(callback) };
          open.add(callback);
          opening.pop()?.resolve(callback);
        };
        await settle();
        give();
        for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
        if (isAnew) {
          subscription.renewNow();
          await settle();
          give();
          await settle();
          assert.equal(open.size, 1);
        }
        await subscription.close({ signal: AbortSignal.abort() });
        assert.deepEqual([open.size, clock.pending], [0, 0]);
      }
    });
  }
});
