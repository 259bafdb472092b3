import assert from 'node:assert/strict';
import { serialise } from '../../../src/xpmn/model/xml.ts';
import { decodeCredentials, encodeCredentials } from '../../../src/xpmn/trust/credentials-file.ts';
import { joiningLists } from '../../../src/xpmn/trust/joining-lists.ts';
import { Network } from '../../../src/xpmn/trust/network.ts';
import type { VerifiedList } from '../../../src/xpmn/trust/signed-list.ts';
import { Machine, options } from './machine.ts';
import { device, list, NOW, snapshot, somebody } from './world.ts';
import type { Somebody } from './world.ts';

const LIMITS = { listsPerAnswer: 6, answerBytes: options.answerBytes };
const HOSTS = 8;
const ME = 'me@home.example';

describe('what a new device is given', function () {
  this.timeout(60_000);
  let user: Somebody;
  let pal: Somebody;
  let hosts: Somebody[];
  let devices: VerifiedList;
  let friends: VerifiedList;
  let pals: VerifiedList;
  /** The later in the row, the newer. */
  let hosted: VerifiedList[];

  before(async () => {
    [user, pal] = await Promise.all(['joining-user', 'joining-pal'].map(somebody)) as [Somebody, Somebody];
    hosts = await Promise.all(Array.from({ length: HOSTS }, (_, at) => somebody(`joining-host-${at}`)));
    devices = list('devices', user, { devices: hosts.map((host, at) => device(host, `${ME}/host-${at}`, { roles: 'host' })) });
    friends = list('friends', user, { friends: [{ who: pal, jid: 'pal@away.example' }] });
    pals = list('devices', pal, { devices: [] });
    hosted = hosts.map((host, at) => list('hosted', user, { devices: [device(host, `${ME}/nas-${at}`)], issued: NOW + at * 1000 }, host));
  });
  const all = (): VerifiedList[] => [...hosted, pals, friends, devices];

  it('is all, where that fits', () => {
    const given = joiningLists(snapshot(user, ...all()), options);
    assert.deepEqual(given, [devices, friends, pals, ...[...hosted].reverse()]);
  });

  it('is the most needed, and of what is hosted the newest, where it does not: in number, and in bytes', () => {
    const most = [devices, friends, pals, ...[...hosted].reverse()].slice(0, LIMITS.listsPerAnswer);
    assert.deepEqual(joiningLists(snapshot(user, ...all()), LIMITS), most);
    const bytes = most.slice(0, 4).reduce((sum, { element }) => sum + Buffer.byteLength(serialise(element)), 0);
    assert.deepEqual(joiningLists(snapshot(user, ...all()), { ...LIMITS, answerBytes: bytes }), most.slice(0, 4));
    assert.deepEqual(joiningLists(snapshot(user, ...all()), { ...LIMITS, answerBytes: bytes - 1 }), most.slice(0, 3));
  });

  it('is nothing of hosts that are none any more', () => {
    const now = list('devices', user, { devices: [device(hosts[0] as Somebody, `${ME}/host-0`, { roles: 'host' })], removed: hosts.slice(1), issued: NOW + 9000 });
    assert.deepEqual(joiningLists(snapshot(user, ...hosted, now), options), [now, hosted[0]]);
  });

  it('goes into a file that can be imported, also where the network has more lists than a file may have', async () => {
    const machine = new Machine('joining');
    const home = await machine.create();
    for (const name of ['nas', 'attic', 'cellar']) {
      const other = await new Machine(`joining-${name}`).join(home, name);
      await other.hostDevice('uuid:1', 'Shelf');
      await home.lists.offerAll(other.lists.snapshot.lists.map(({ element }) => element));
    }
    const tight = { ...options, listsPerAnswer: 3 };
    assert.ok(home.lists.snapshot.lists.length > tight.listsPerAnswer);
    const device = await home.createDevice('phone');
    const give = (lists: readonly VerifiedList[]): Promise<Buffer> =>
      encodeCredentials({ account: home.bare, name: 'Phone', device, userCertificate: home.userCertificate, lists: lists.map(({ element }) => element) }, 'milk', machine.deps, tight);
    await assert.rejects(decodeCredentials(await give(home.lists.snapshot.lists), 'milk', tight), { code: 'malformed' });
    const carried = await decodeCredentials(await give(joiningLists(home.lists.snapshot, tight)), 'milk', tight);
    assert.equal(carried.lists.length, tight.listsPerAnswer);
    assert.equal((await Network.join(new Machine('joining-phone').deps, options, carried)).isMember, true);
  });
});
