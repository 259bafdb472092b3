import assert from 'node:assert/strict';
import { Describer } from '../../../src/upnp/describer.ts';
import type { DeviceLocation } from '../../../src/upnp/device-tracker.ts';
import { silentLogger } from '../../../src/xpmn/kernel/log.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock, FakeRandom, settle } from '../../support/fake-clock.ts';
import { settings } from '../../support/settings.ts';

interface Description {
  readonly location: DeviceLocation;
}

const at = (port: number): DeviceLocation => ({ url: new URL(`http://192.0.2.1:${port}/d.xml`), scope: undefined });

describe('describer', () => {
  let clock: FakeClock;
  let describer: Describer<Description>;
  let fetches: { readonly location: DeviceLocation; readonly answer: Deferred<Description> }[];
  let described: string[];

  beforeEach(() => {
    clock = new FakeClock();
    [fetches, described] = [[], []];
    describer = new Describer<Description>({
      clock, random: new FakeRandom(), log: silentLogger, udn: 'uuid:one',
      fetch(location) {
        const answer = deferred<Description>();
        fetches.push({ location, answer });
        return answer.promise;
      },
      described: ({ location }) => described.push(location.url.port),
    }, settings.upnp.describe.backOff);
  });
  afterEach(() => describer.close());

  /** The fetch that is under way ends. */
  async function answer(isGood = true): Promise<void> {
    const fetch = fetches.at(-1);
    assert.ok(fetch);
    if (isGood) fetch.answer.resolve({ location: fetch.location });
    else fetch.answer.reject(new Error('Nothing there.'));
    await settle();
  }
  const ports = (): string[] => fetches.map(({ location }) => location.url.port);

  it('ends where a device has moved to while it was being described', async () => {
    describer.moved([at(81)]);
    describer.moved([at(82)]);
    await answer();
    assert.deepEqual(ports(), ['81', '82']);
    await answer();
    assert.deepEqual([described, describer.current?.location], [['81', '82'], at(82)]);
    assert.equal(clock.pending, 0);
  });

  it('looks there at once where it was not found where it was', async () => {
    describer.moved([at(81)]);
    describer.moved([at(82)]);
    await answer(false);
    await answer();
    assert.deepEqual([ports(), described], [['81', '82'], ['82']]);
  });

  it('does not describe twice for a location more', async () => {
    describer.moved([at(81)]);
    describer.moved([at(81), at(82)]);
    await answer();
    assert.deepEqual([ports(), described], [['81'], ['81']]);
  });

  it('describes anew what may have started anew meanwhile, once', async () => {
    describer.moved([at(81)]);
    describer.returned([at(81)]);
    describer.moved([at(81), at(82)]);
    await answer();
    await answer();
    assert.deepEqual([ports(), described], [['81', '81'], ['81', '81']]);
  });

  it('tells nothing of what comes after its end', async () => {
    describer.moved([at(81)]);
    const closed = describer.close();
    await answer();
    await closed;
    assert.deepEqual([described, describer.current], [[], undefined]);
  });
});
