import assert from 'node:assert/strict';
import { handOverWarnings, managerOf, userKeyControl, userKeyState, userKeyWarnings } from '../../../src/app/user-key-desk.ts';
import type { UserKeyControl } from '../../../src/app/gateway-api.ts';
import type { Network } from '../../../src/xpmn/trust/network.ts';
import { Machine } from '../trust/machine.ts';
import { DAY } from '../trust/world.ts';

describe('the user key, as its owner handles it', function () {
  this.timeout(30_000);
  let machine: Machine;
  let network: Network;
  let desk: UserKeyControl;

  beforeEach(async () => {
    machine = new Machine('desk');
    network = await machine.create();
    desk = userKeyControl({ network, issueDue: () => network.refresh(), handOver: () => Promise.resolve() });
  });
  const warnings = (): string[] => userKeyWarnings(network, machine.clock.now());

  it('goes through all its states', async () => {
    assert.equal(userKeyState(network), 'plain');
    await desk.lock('milk');
    assert.equal(userKeyState(network), 'locked');
    assert.deepEqual(await desk.unlock('milk'), []);
    assert.equal(userKeyState(network), 'unlocked');
    await desk.changePassword({ current: 'milk', next: 'honey' });
    assert.equal(userKeyState(network), 'unlocked');
    await assert.rejects(desk.lock('another'), { code: 'conflict' }, 'who changes a password says the one before');
    await desk.lock(undefined);
    assert.equal(userKeyState(network), 'locked');
    await desk.removePassword('honey');
    assert.equal(userKeyState(network), 'plain');
    assert.equal(userKeyState(await new Machine('desk-away').join(network, 'Away')), 'elsewhere');
  });

  it('that is at hand is nothing to warn of', async () => {
    await machine.clock.advance(40 * DAY);
    assert.deepEqual(warnings(), []);
    await desk.lock('milk');
    await desk.unlock('milk');
    assert.deepEqual(warnings(), []);
  });

  it('that is locked is: what waits for it, and until when others put up with that', async () => {
    await desk.lock('milk');
    assert.equal(warnings().length, 1);
    assert.match(warnings()[0] as string, /locked: nobody can be added or removed.*`xpmn key unlock`/);
    const [list] = network.lists.snapshot.lists;
    const expiry = new Date(list?.expiresAt as number).toISOString().slice(0, 16).replace('T', ' ');
    await machine.clock.advance(7 * DAY);
    assert.equal(warnings()[1], `The list of devices waits for the user key: friends turn this network away from ${expiry} UTC on.`);
    await machine.clock.advance(23 * DAY);
    assert.equal(warnings()[1], `The list of devices waits for the user key: friends turn this network away since ${expiry} UTC.`);
    assert.deepEqual(await desk.unlock('milk'), ['devices']);
    assert.deepEqual(warnings(), []);
  });

  it('speaks of the other direction where my list of friends waits', () => {
    const expiresAt = Date.UTC(2026, 11, 22, 18);
    const locked = { isLocked: true, waitingLists: [{ type: 'friends', expiresAt }] } as unknown as Network;
    assert.equal(userKeyWarnings(locked, expiresAt)[1], 'The list of friends waits for the user key: friends are turned away here since 2026-12-22 18:00 UTC.');
    assert.equal(userKeyWarnings(locked, expiresAt - 1)[1], 'The list of friends waits for the user key: friends are turned away here from 2026-12-22 18:00 UTC on.');
  });

  it('that was left behind by a hand-over is something to warn of, and says how to end it', async () => {
    const other = await new Machine('desk-next').join(network, 'Nas');
    await other.transfer.take(network.transfer.parts());
    assert.deepEqual([managerOf(network), handOverWarnings(network)], [network.gateway.jid, []]);
    const home = network.gateway.jid.slice(network.gateway.jid.indexOf('/') + 1);
    assert.equal(handOverWarnings(other)[0], `${home} manages the media network, and its key lies on this machine, too: \`xpmn key hand-over ${home}\` makes an end of that.`);
    await other.lists.offer((await network.transfer.moveRole(other.gateway.key)).element);
    assert.deepEqual([managerOf(network), handOverWarnings(network).length, handOverWarnings(other)], [other.gateway.jid, 1, []]);
    await network.transfer.forget(other.gateway.key);
    assert.deepEqual([userKeyState(network), handOverWarnings(network)], ['elsewhere', []]);
  });
});
