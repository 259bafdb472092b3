import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GatewayDevice, LibraryEntry, LibraryPage } from '../../src/app/gateway-api.ts';
import type { ManagedProcess } from '../peers/process.ts';
import { contentOf } from './support/content.ts';
import { sha256 } from './support/crawl.ts';
import { startFakeOrigin } from './support/fake-origin.ts';
import type { Trouble } from './support/fake-origin.ts';
import { heldAgain } from './support/held.ts';
import type { Machine } from './support/machine.ts';
import { World } from './support/world.ts';

const SIZE = 3_000_001;
const TROUBLES: readonly Trouble[] = ['none', 'not-found', 'error', 'page', 'short', 'long', 'stalls', 'breaks-once', 'changes', 'grows'];
/** No transfer may hang: far above what giving up takes. */
const BOUND = 60_000;

describe('a media server in trouble', function () {
  this.timeout(180_000);
  let world: World;
  let origin: ManagedProcess;
  let a: Machine;
  let b: Machine;
  let nas: GatewayDevice;
  let items: readonly LibraryEntry[];
  let clean: () => Promise<void>;

  before(async () => {
    world = await World.create({ hosts: 2, media: () => Promise.resolve() });
    const files = Object.fromEntries(TROUBLES.map((trouble) => [trouble, { size: SIZE, trouble }]));
    origin = await startFakeOrigin(world.host('a', 0), files);
    a = await world.founder(world.host('a', 1), { upnp: { origin: { stallTimeout: 4000 } } });
    b = await world.join(a, world.network.out, { config: { mediaPort: { resume: { attempts: 4, firstDelay: 200 } } } });
    nas = await b.library();
    items = (await b.json<LibraryPage>(['browse', nas.id])).children;
    assert.equal((await get('none')).code, 0);
    clean = await heldAgain([a, b]);
  });

  after(async () => {
    await origin?.stop();
    await world?.close();
  });

  async function get(trouble: Trouble): Promise<{ code: number | null; said: string; got: Buffer | undefined }> {
    const item = items.find(({ title }) => title === trouble);
    assert.ok(item?.kind === 'item' && item.uri !== undefined, trouble);
    const target = join(b.folder, `got-${trouble}`);
    const { code, stderr } = await b.xpmn(['get', item.uri, '-o', target], { timeout: BOUND });
    assert.notEqual(code, null, `${trouble}: it hangs: ${stderr}`);
    const got = await readFile(code === 0 ? target : `${target}.part`).catch(() => undefined);
    return { code, said: /xpmn: ([a-z-]+): /.exec(stderr)?.[1] ?? stderr, got };
  }

  /** A failure leaves nothing, or the right beginning. */
  const isPrefix = (got: Buffer | undefined, trouble: Trouble): boolean =>
    got === undefined || got.equals(contentOf(trouble, 0, SIZE - 1).subarray(0, got.length));

  for (const trouble of ['none', 'long', 'breaks-once'] as const) {
    it(`delivers exactly the file: ${trouble}`, async () => {
      const { code, said, got } = await get(trouble);
      assert.equal(code, 0, said);
      assert.equal(got?.length, SIZE);
      assert.equal(sha256(got), sha256(contentOf(trouble, 0, SIZE - 1)));
    });
  }

  for (const [trouble, codes] of [
    ['not-found', ['not-found']], ['error', ['origin-broken']], ['page', ['origin-broken']],
    ['short', ['truncated', 'origin-broken', 'origin-unreachable', 'connection-lost']], ['stalls', ['origin-unreachable', 'connection-lost', 'truncated']],
    ['changes', ['entity-changed', 'connection-lost', 'truncated']], ['grows', ['entity-changed', 'connection-lost', 'truncated']],
  ] as const) {
    it(`says what is wrong, and delivers no wrong byte: ${trouble}`, async () => {
      const { code, said, got } = await get(trouble);
      assert.notEqual(code, 0);
      assert.ok((codes as readonly string[]).includes(said), said);
      assert.ok(got === undefined || got.length < SIZE);
      assert.ok(isPrefix(got, trouble), 'wrong bytes');
    });
  }

  it('leaves both gateways as they were: alive, nothing held, able to go on', async () => {
    await clean();
    assert.equal((await get('none')).code, 0);
    assert.ok(a.isAlive && b.isAlive);
  });
});
