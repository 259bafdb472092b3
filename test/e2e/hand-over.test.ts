import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { pair } from './support/pairing.ts';
import { World } from './support/world.ts';

const ALONE = { upnp: { ssdp: { interfaces: ['none'] } } };

/** Three machines on one LAN: the one that manages the network retires, and another one takes over. */
describe('the management of the network on another machine', function () {
  this.timeout(180_000);
  let world: World;
  let old: Machine;
  let next: Machine;
  let third: Machine;

  before(async () => {
    world = await World.create({ hosts: 4, serverless: true });
    [old, next, third] = [await world.machine(world.host('a', 1), ALONE), await world.machine(world.host('a', 2), ALONE), await world.machine(world.host('a', 3), ALONE)];
    await Promise.all([old.start(), next.start(), third.start()]);
    await pair(old, next, 'Next');
  });
  after(() => world?.close());

  const idOf = async (machine: Machine): Promise<string> => (await machine.status()).jid.replace(/^[^/]*\//, '');
  const userKeysOf = async ({ home }: Machine): Promise<string[]> => (await readdir(home, { recursive: true })).filter((name) => /keys\.user/.test(name));
  const network = async (machine: Machine): Promise<string> => (await machine.xpmn(['status'])).stdout.split('\n')[1]?.replace(/^network +\S+ ?/, '') ?? '';

  it('is not handed over while the key is locked, nor without a yes', async () => {
    await waitUntil('the two see each other', async () => (await old.devices()).some(({ where, reach }) => where === 'elsewhere' && reach === 'link-local'), { timeout: 30_000 });
    const password = await old.file('key-password', 'correct horse\n');
    await old.json(['key', 'lock', '--password-file', password]);
    const locked = await old.xpmn(['key', 'hand-over', await idOf(next), '--yes']);
    assert.equal(locked.code, 1);
    assert.match(locked.stderr, /^xpmn: not-authorized: The user key is locked: it has to be unlocked first/);
    await old.json(['key', 'unlock', '--password-file', password]);
    assert.equal((await old.xpmn(['key', 'hand-over', await idOf(next)])).code, 2);
    assert.equal((await next.status()).userKey, 'elsewhere');
  });

  it('is handed over by one command, and both say so', async () => {
    const id = await idOf(next);
    const { code, stdout, stderr } = await old.xpmn(['key', 'hand-over', id, '--yes']);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /manages the media network now[^]*without a password: `xpmn key lock` on that machine/);
    const states = async (): Promise<string[]> => [(await old.status()).userKey, (await next.status()).userKey];
    await waitUntil('both work again', () => states().then(([here, there]) => here === 'elsewhere' && there === 'plain', () => false), { timeout: 30_000 });
    // Either may be starting anew just then.
    await waitUntil('both say so', async () => (await network(old)) === `(managed by ${id})` && (await network(next)) === '(managed here)', { timeout: 30_000 });
    assert.deepEqual(await userKeysOf(old), []);
  });

  it('lets machines in and out where it is now', async () => {
    await waitUntil('it is started anew', async () => next.daemon?.output().includes('has changed: starting anew'), { timeout: 30_000 });
    await waitUntil('it answers', () => next.status().then(() => true, () => false), { timeout: 30_000 });
    await pair(next, third, 'Third');
    assert.equal((await third.status()).network, (await next.status()).network);
    await next.json(['remove', await idOf(old), '--yes']);
    await waitUntil('the old one has heard of it', async () => (await old.xpmn(['status'])).stdout.includes('was removed from the media network'), { timeout: 30_000 });
    assert.ok((await third.status()).warnings.every((warning) => !warning.includes('removed')));
  });
});
