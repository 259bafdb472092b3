import assert from 'node:assert/strict';
import type { GatewayDevice, LibraryPage } from '../../src/app/gateway-api.ts';
import { delay, waitUntil } from '../peers/wait.ts';
import type { Machine } from './support/machine.ts';
import { World } from './support/world.ts';

/** Observations that must agree before a state counts as lasting. */
const LOOKS = 20;

describe('two gateways of one owner on one LAN', function () {
  this.timeout(240_000);
  let world: World;
  let lower: Machine;
  let higher: Machine;
  let elsewhere: Machine;

  before(async () => {
    world = await World.create();
    const [, first] = await Promise.all([world.minidlna(), world.founder(world.host('a', 1))]);
    const second = await world.join(first, world.host('a', 2), { name: 'attic' });
    elsewhere = await world.join(first, world.network.out);
    const keys = await Promise.all([first, second].map(keyOf));
    [lower, higher] = (keys[0] as number) < (keys[1] as number) ? [first, second] : [second, first];
  });

  after(() => world?.close());

  it('is bridged by exactly one: that with the lower key', () => settlesOn(lower, higher));

  it('is taken over by the other when that one stops', async () => {
    assert.deepEqual(await lower.stop(), { code: 0, signal: null });
    await settlesOn(higher);
  });

  it('goes back when it returns', async () => {
    await lower.start();
    await settlesOn(lower, higher);
  });

  it('is taken over, too, when it dies without a word, and goes back', async () => {
    lower.daemon?.kill('SIGKILL');
    await lower.stop();
    await settlesOn(higher);
    await lower.start();
    await settlesOn(lower, higher);
  });

  /** `bridging` shows the media server and `other` doesn't; whoever is elsewhere sees it once, and can use it. */
  async function settlesOn(bridging: Machine, other?: Machine): Promise<void> {
    const holds = async (): Promise<boolean> => {
      const [mine, theirs, seen] = await Promise.all([bridging, other, elsewhere].map(async (one) => (one ? shown(await one.devices()) : [])));
      return mine?.filter(isHere).length === 1 && theirs?.some(isHere) !== true && seen?.length === 1 && seen[0]?.jid === mine.find(isHere)?.jid;
    };
    await waitUntil('one gateway bridges it', holds, { timeout: 60_000, interval: 200 });
    for (let look = 0; look < LOOKS; look += 1) {
      await delay(100);
      assert.ok(await holds(), 'it does not last');
    }
    const [nas] = shown(await elsewhere.devices());
    const { children } = await elsewhere.json<LibraryPage>(['browse', (nas as GatewayDevice).id]);
    assert.ok(children.length > 2);
  }
});

const shown = (devices: readonly GatewayDevice[]): GatewayDevice[] => devices.filter(({ kind, reach }) => kind === 'media-server' && reach !== 'unreachable');

const isHere = ({ where }: GatewayDevice): boolean => where === 'here';

/** The beginning of the gateway's key, as its resource ends in it: 4 characters of base32. */
async function keyOf(machine: Machine): Promise<number> {
  const { jid } = await machine.status();
  return [...jid.slice(-4)].reduce((key, digit) => key * 32 + 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(digit), 0);
}
