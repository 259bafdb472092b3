import assert from 'node:assert/strict';
import type { LibraryPage } from '../../src/app/gateway-api.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import type { Answer } from './support/program.ts';
import { World } from './support/world.ts';

/** Four machines on one LAN, and a media server. */
describe('pairing by a button', function () {
  this.timeout(180_000);
  let world: World;
  let machines: [Machine, Machine, Machine, Machine];

  before(async () => {
    world = await World.create({ serverless: true, hosts: 5 });
    await world.minidlna();
    // All buttons are pressed within that, however late a command begins.
    const config = { pairing: { buttonLook: 6000, buttonLinger: 4000 } };
    const quiet = { ...config, upnp: { ssdp: { interfaces: ['none'] } } };
    machines = (await Promise.all([1, 2, 3, 4].map((index) => world.machine(world.host('a', index), index === 1 ? config : quiet)))) as typeof machines;
    await Promise.all(machines.map((machine) => machine.start()));
    await machines[0].library();
  });
  after(() => world?.close());

  const press = (...who: Machine[]): Promise<Answer[]> => Promise.all(who.map((machine, index) => machine.xpmn(['pair', 'button', '--name', `Machine ${index}`], { timeout: 60_000 })));
  /** As people do it who are told to wait a while: what was said before has to be forgotten by all. */
  const pressed = (first: Machine, second: Machine, isDone: (answers: Answer[]) => boolean): Promise<unknown> =>
    waitUntil('both buttons do it', async () => isDone(await press(first, second)), { timeout: 90_000, interval: 6000 });
  const numberIn = ({ stdout }: Answer): string | undefined => /show the number (\d{3} \d{3})/.exec(stdout)?.[1];

  it('makes two new machines one network, and shows both the same number', async () => {
    const [first, second] = machines;
    const began = Date.now();
    const answers = await press(first, second);
    for (const { code, stderr } of answers) assert.equal(code, 0, stderr);
    process.stdout.write(`      from the buttons to the end of the commands: ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    const networks = await Promise.all([first, second].map(async (machine) => (await machine.status()).network));
    assert.equal(networks[0], networks[1]);
    const [one, other] = answers as [Answer, Answer];
    assert.match(numberIn(one) ?? '', /^\d{3} \d{3}$/);
    assert.equal(numberIn(one), numberIn(other));
    for (const { stderr } of answers) assert.match(stderr, /Nobody is checked here but by being the only one/);
    const library = await second.library();
    assert.ok((await second.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });

  it('adds nobody where there are three, and says so on all of them', async () => {
    const [first, , third, fourth] = machines;
    const networks = (): Promise<string[]> => Promise.all(machines.map(async (machine) => (await machine.status()).network));
    const before = await networks();
    for (const { code, stderr, stdout } of await press(first, third, fourth)) {
      assert.equal(code, 1, stdout + stderr);
      assert.match(stderr, /xpmn: conflict: More than two machines on this network are waiting for each other/);
    }
    assert.deepEqual(await networks(), before);
  });

  it('adds a new machine to a network in use, when it is the only one again', async () => {
    const [first, , third] = machines;
    await pressed(first, third, (answers) => answers.every(({ code }) => code === 0));
    assert.equal((await third.status()).network, (await first.status()).network);
    const library = await third.library();
    assert.ok((await third.json<LibraryPage>(['browse', library.id])).children.length > 2);
  });

  it('is nothing for two networks in use', async () => {
    const [first, second] = machines;
    const isRefused = ({ code, stderr }: Answer): boolean => code === 1 && /xpmn: already-initialised: Both machines are part of a media network already/.test(stderr);
    await pressed(first, second, (answers) => answers.every(isRefused));
  });
});
