import assert from 'node:assert/strict';
import { isLost, isLostKey } from '../../../src/xpmn/trust/lost-keys.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { device, list, snapshot, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const JID = 'romeo@home.test';

/** Whose certificate is to be revoked at the server: too few, and a thief stays in; too many, and the owner is locked out. */
describe('a certificate that may log in no more', () => {
  let [user, home, lost, nas, tv, friend]: Somebody[] = [];

  before(async function () {
    this.timeout(60_000);
    [user, home, lost, nas, tv, friend] = await Promise.all(['user', 'home', 'lost', 'nas', 'tv', 'friend'].map((name) => somebody(`lost keys ${name}`)));
  });

  const who = (one: Somebody | undefined): Somebody => one as Somebody;
  const devices = (): VerifiedList => list('devices', who(user), { devices: [device(who(home), `${JID}/home`, { roles: 'host' })], removed: [who(lost)] });
  const hosted = (host: Somebody | undefined, ...names: (Somebody | undefined)[]): VerifiedList =>
    list('hosted', who(user), { devices: names.map((one, index) => device(who(one), `${JID}/hosted-${index}`)) }, who(host));
  const lostOf = (...lists: VerifiedList[]): string[] => {
    const known = snapshot(who(user), ...lists);
    return Object.entries({ user, home, lost, nas, tv, friend }).filter(([, one]) => isLostKey(known, who(one).name)).map(([name]) => name);
  };

  it('is one of a removed device, and nobody else\'s', () => assert.deepEqual(lostOf(devices()), ['lost']));

  it('is also one of what that device bridged', () => assert.deepEqual(lostOf(devices(), hosted(lost, nas), hosted(home, tv)), ['lost', 'nas']));

  it('is none of a device in the network, because a removed gateway has said that it bridges it', () => {
    assert.deepEqual(lostOf(devices(), hosted(lost, home, nas, tv), hosted(home, tv)), ['lost', 'nas']);
  });

  it('is none of a device that the user lists, because a gateway has removed it', () => {
    const removes = (host: Somebody | undefined): VerifiedList => list('hosted', who(user), { devices: [], removed: [who(home), who(tv)] }, who(host));
    // What is hosted may be removed by a host: that is not accepted as a device either.
    assert.deepEqual(lostOf(devices(), removes(home)), ['lost', 'tv']);
    assert.deepEqual(lostOf(devices(), removes(lost)), ['lost', 'tv']);
  });

  it('is none of what somebody lists who is no gateway, and was not removed', () => {
    assert.deepEqual(lostOf(devices(), hosted(friend, nas, tv)), ['lost']);
  });

  it('is none by another network\'s lists', () => {
    assert.deepEqual(lostOf(devices(), list('devices', who(friend), { devices: [], removed: [who(home), who(nas)] })), ['lost']);
  });

  it('stays so when the key is listed again', () => {
    const again = list('devices', who(user), { devices: [device(who(home), `${JID}/home`, { roles: 'host' }), device(who(lost), `${JID}/lost`, { roles: 'host' })], seq: 9_999_999_999 });
    assert.deepEqual(lostOf(devices(), again), ['lost']);
  });

  it('is read from the certificate: another one of the same key counts, and what can\'t be read does not', () => {
    const known = snapshot(who(user), devices());
    assert.equal(isLost(known, who(lost).leaf), true);
    assert.equal(isLost(known, who(home).leaf), false);
    for (const bad of [Buffer.alloc(0), who(lost).leaf.subarray(1), Buffer.from('lost')]) assert.equal(isLost(known, bad), false);
  });
});
