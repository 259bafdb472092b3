import assert from 'node:assert/strict';
import type { ManagedProcess } from '../peers/process.ts';
import { waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { World } from './support/world.ts';

const ALONE = { upnp: { ssdp: { interfaces: ['none'] } } };

/** Two machines on one LAN; the new one has a display, and nothing to type on. */
describe('a PIN that the new machine shows', function () {
  this.timeout(120_000);
  let world: World;
  let home: Machine;
  let box: Machine;
  let joining: ManagedProcess | undefined;

  before(async () => {
    world = await World.create({ hosts: 3, serverless: true });
    [home, box] = [await world.machine(world.host('a', 1), ALONE), await world.machine(world.host('a', 2), ALONE)];
    await Promise.all([home.start(), box.start()]);
  });
  after(async () => {
    await joining?.stop();
    await world?.close();
  });

  interface Step { readonly state: string; readonly pin?: string }
  const steps = (): Step[] => (joining?.output() ?? '').split('\n').filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Step);
  const shown = (count: number): Promise<string> => waitUntil(`PIN ${count} is shown`, () => steps().filter(({ state }) => state === 'showing')[count - 1]?.pin, { timeout: 30_000 });
  const typed = async (pin: string): Promise<Awaited<ReturnType<Machine['xpmn']>>> => home.xpmn(['pair', 'start', '--pin', '--pin-file', await home.file('pin', `${pin}\n`)]);

  it('is mistyped once, and typed then', async () => {
    joining = await box.run(['pair', 'join', '--show-pin', '--json', '--name', 'Box']);
    const first = await shown(1);
    const wrong = await typed(first === '000000' ? '000001' : '000000');
    assert.equal(wrong.code, 4);
    assert.match(wrong.stderr, /That is not the PIN that the new machine shows/);
    const second = await shown(2);
    const right = await typed(`${second.slice(0, 3)} ${second.slice(3)}`);
    assert.equal(right.code, 0, right.stderr);
    assert.match(right.stdout, /Box is a device of your media network now/);
    await waitUntil('the new one says so, too', () => steps().at(-1)?.state === 'joined', { timeout: 30_000 });
    assert.deepEqual(steps().map(({ state }) => state), ['showing', 'joining', 'wrong', 'showing', 'joining', 'joined']);
    const networkOf = (machine: Machine): Promise<string | undefined> => machine.status().then(({ network }) => network, () => undefined);
    await waitUntil('it works in that network', async () => (await networkOf(box)) === (await networkOf(home)), { timeout: 30_000 });
  });
});
