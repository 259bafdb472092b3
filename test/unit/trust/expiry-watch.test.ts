import assert from 'node:assert/strict';
import { ExpiryWatch } from '../../../src/xpmn/trust/expiry-watch.ts';
import { ListStore } from '../../../src/xpmn/trust/list-store.ts';
import { nextExpiry } from '../../../src/xpmn/trust/snapshot.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { MemoryStorage } from '../../support/memory-storage.ts';
import { settings } from '../../support/settings.ts';
import { DAY, NOW, device, list, options, snapshot, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const HOUR = settings.gateway.expiryInterval;

describe('lists that expire', () => {
  let user: Somebody;
  let friend: Somebody;
  let tv: Somebody;
  let clock: FakeClock;
  let lists: ListStore;
  let watch: ExpiryWatch;
  let expired: number[];

  before(async function () {
    this.timeout(60_000);
    [user, friend, tv] = await Promise.all(['expiry user', 'expiry friend', 'expiry tv'].map(somebody)) as [Somebody, Somebody, Somebody];
  });
  beforeEach(async () => {
    clock = new FakeClock(NOW);
    lists = await ListStore.open({ storage: new MemoryStorage(), clock }, options, user.name);
    expired = [];
    watch = new ExpiryWatch({ lists, clock, onExpired: () => expired.push(clock.now() - NOW) }, settings.gateway);
    watch.start();
  });
  afterEach(() => {
    watch.stop();
    assert.equal(clock.pending, 0);
    assert.equal(lists.listenerCount('changed'), 0);
  });

  const befriend = (expires: number, issued = NOW): Promise<unknown> =>
    lists.offer(list('friends', user, { friends: [{ who: friend, jid: 'juliet@else.test' }], issued, expires }).element);
  const theirs = (expires: number, issued = NOW): Promise<unknown> =>
    lists.offer(list('devices', friend, { devices: [device(tv, 'juliet@else.test/tv')], issued, expires }).element);

  it('are watched if friends rest on them, and only then', async () => {
    assert.equal(clock.pending, 0);
    await lists.offer(list('devices', user, { expires: NOW + HOUR / 2 }).element);
    assert.equal(clock.pending, 0, 'own devices outlive their list');
    await befriend(NOW + HOUR / 2);
    assert.equal(clock.pending, 1);
    await clock.advance(HOUR / 2 - 1);
    assert.deepEqual(expired, []);
    await clock.advance(1);
    assert.deepEqual(expired, [HOUR / 2]);
    assert.equal(clock.pending, 0);
  });

  it('are told of one after the other, the earliest first', async () => {
    await befriend(NOW + 3 * HOUR);
    await theirs(NOW + HOUR / 4);
    await clock.advance(DAY);
    assert.deepEqual(expired, [HOUR / 4, 3 * HOUR]);
  });

  it('are not told of when a newer one came', async () => {
    await befriend(NOW + HOUR / 2);
    await befriend(NOW + DAY, NOW + 1000);
    await clock.advance(DAY - 1);
    assert.deepEqual(expired, []);
    await clock.advance(1);
    assert.deepEqual(expired, [DAY]);
  });

  it('are found when the wall clock was set forward, within the interval', async () => {
    await befriend(NOW + 20 * DAY);
    let skew = 0;
    const now = clock.now.bind(clock);
    clock.now = () => now() + skew;
    await clock.advance(HOUR / 2);
    skew = 25 * DAY;
    assert.deepEqual(expired, []);
    await clock.advance(HOUR / 2);
    assert.equal(expired.length, 1);
  });

  it('that are past are of no interest', () => {
    const known = snapshot(user, list('friends', user, { expires: NOW + 1000 }), list('devices', friend, { expires: NOW + 5000 }), list('devices', user, { expires: NOW + 2000 }));
    assert.deepEqual([0, 1000, 5000].map((after) => nextExpiry(known, NOW + after)), [NOW + 1000, NOW + 5000, undefined]);
  });
});
