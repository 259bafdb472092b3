import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ControlClient } from '../../../src/app/control/client.ts';
import { runDaemon } from '../../../src/app/daemon.ts';
import type { DaemonDeps, DaemonOptions } from '../../../src/app/daemon.ts';
import type { GatewayFactory } from '../../../src/app/gateway-api.ts';
import type { Setup } from '../../../src/app/setup-api.ts';
import { locateHome } from '../../../src/app/storage/home.ts';
import type { HomePaths } from '../../../src/app/storage/home.ts';
import { XpmnError } from '../../../src/xpmn/kernel/errors.ts';
import { deferred } from '../../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../../src/xpmn/kernel/tasks.ts';
import { FakeClock } from '../../support/fake-clock.ts';
import { systemRandom } from '../../../src/xpmn/kernel/system.ts';
import { FakeGateway } from '../../fakes/fake-gateway.ts';
import { fakeSetup } from '../../fakes/fake-setup.ts';
import { waitUntil } from '../../peers/wait.ts';
import { settings } from '../../support/settings.ts';

const RESULT = { network: 'n1', jid: 'anna@example.org/pi-aaaa', isChecked: true };

describe('daemon', () => {
  let home: HomePaths;
  let clock: FakeClock;
  let stopper: AbortController;
  let ready: Deferred<void>;
  let gateways: FakeGateway[];
  let exits: number[];
  let said: { stdout: string; stderr: string };
  let create: GatewayFactory;
  let setup: Setup;
  let client: ControlClient;

  const { signal } = new AbortController();
  const run = (options: Partial<DaemonOptions> = {}): Promise<void> => {
    const output = (name: 'stdout' | 'stderr'): DaemonDeps['stdout'] => ({
      write: (text: unknown) => {
        said[name] += String(text);
        if (/In another terminal|"ready"/.test(said[name])) ready.resolve();
        return true;
      },
    });
    const createGateway: GatewayFactory = (...call) => create(...call);
    const deps = { createGateway, setup, clock, random: systemRandom, version: '1.2.3', stdout: output('stdout'), stderr: output('stderr'), exit: (status: number) => void exits.push(status) };
    return runDaemon(deps, { home, ...options }, { signal: stopper.signal });
  };
  const stop = (): void => stopper.abort(new XpmnError('aborted', 'Interrupted.'));

  beforeEach(async () => {
    home = locateHome(await mkdtemp(join(tmpdir(), 'xpmn-daemon-')), {});
    clock = new FakeClock();
    stopper = new AbortController();
    ready = deferred();
    gateways = [];
    exits = [];
    said = { stdout: '', stderr: '' };
    create = async () => {
      const gateway = new FakeGateway();
      gateways.push(gateway);
      return gateway;
    };
    setup = fakeSetup({ prepareInit: async () => async () => RESULT, prepareImport: async () => async () => RESULT });
    client = new ControlClient({ path: home.controlSocket, answerBytes: settings.cli.answerBytes });
  });
  afterEach(() => rm(home.directory, { recursive: true }));

  it('runs, tells a new user what to do, answers, and leaves nothing behind', async () => {
    const running = run();
    await ready.promise;
    assert.match(said.stdout, /^xpmn-gateway .* runs as anna@example\.org\/gateway-k3fq; [^]*xpmn devices/);
    assert.equal((await client.call('status', {}, { signal })).version, '0.0.0');
    stop();
    await running;
    assert.deepEqual(gateways.map(({ isClosed }) => isClosed), [true]);
    assert.deepEqual((await readdir(home.directory)).sort(), ['state', 'version']);
    assert.deepEqual(exits, []);
  });

  it('logs for machines where it is told to', async () => {
    const running = run({ logFormat: 'json' });
    await ready.promise;
    stop();
    await running;
    assert.equal(said.stdout, '');
    assert.deepEqual(said.stderr.trim().split('\n').map((line) => (JSON.parse(line) as { message: string }).message), ['ready', 'stopping']);
  });

  it('is alone on its state', async () => {
    const running = run();
    await ready.promise;
    await assert.rejects(run(), { code: 'already-running' });
    stop();
    await running;
  });

  it('does not start on a configuration that is wrong, or a gateway that fails, and lets go of the state', async () => {
    await writeFile(home.configFile, '{"mediaPort": {"prot": 1}}');
    await assert.rejects(run(), { code: 'bad-configuration', message: /mediaPort\.prot/ });
    await rm(home.configFile);
    await assert.rejects(run({ configFile: join(home.directory, 'none.json') }), { code: 'bad-configuration' });
    create = () => Promise.reject(new XpmnError('storage-failed', 'The state is damaged.'));
    await assert.rejects(run(), { code: 'storage-failed' });
    assert.deepEqual((await readdir(home.directory)).sort(), ['state', 'version']);
  });

  it('stops at once when it is told to while it starts', async () => {
    create = (_, options) => new Promise((_resolve, reject) => {
      options.signal.addEventListener('abort', () => reject(options.signal.reason as Error), { once: true });
      stop();
    });
    await run();
    assert.deepEqual(exits, []);
  });

  it('ends the process in time when it is told to while its files hang', async () => {
    // Nobody ever writes into that: whoever opens it for reading waits.
    spawnSync('mkfifo', [home.configFile]);
    const running = run();
    stop();
    await clock.advance(settings.daemon.stopTimeout);
    assert.deepEqual(exits, [1]);
    await writeFile(home.configFile, '{}');
    await running;
  });

  it('stops within the time that the settings give it, from the first moment', async () => {
    await writeFile(home.configFile, '{"daemon": {"stopTimeout": 1000}}');
    const closing = deferred();
    create = async () => {
      const gateway = new FakeGateway();
      gateway.close = () => closing.promise;
      stop();
      return gateway;
    };
    const running = run();
    await waitUntil('the daemon stops', async () => stopper.signal.aborted);
    await clock.advance(1000);
    assert.deepEqual(exits, [1]);
    closing.resolve();
    await running;
  });

  it('hurries a gateway that closes slowly, and ends the process if that does not help', async () => {
    const running = run();
    await ready.promise;
    const hurried = deferred();
    const closed = deferred();
    (gateways[0] as FakeGateway).close = (async (options: { signal: AbortSignal }) => {
      options.signal.addEventListener('abort', () => hurried.resolve(), { once: true });
      await closed.promise;
    }) as FakeGateway['close'];
    stop();
    await new Promise((resolve) => setImmediate(resolve));
    await clock.advance(settings.daemon.politeTimeout);
    await hurried.promise;
    assert.deepEqual(exits, []);
    await clock.advance(settings.daemon.stopTimeout - settings.daemon.politeTimeout);
    assert.deepEqual(exits, [1]);
    closed.resolve();
    await running;
  });

  it('tries again when no gateway starts on the new state, and says so meanwhile', async () => {
    const running = run();
    await ready.promise;
    const made = create;
    create = () => Promise.reject(new Error('no memory'));
    assert.deepEqual(await client.call('init', { jid: 'anna@example.org', password: 'p' }, { signal }), RESULT, 'what was asked for is done');
    await assert.rejects(client.call('status', {}, { signal }), { code: 'not-running' });
    await clock.advance(settings.daemon.restartBackOff.first);
    await assert.rejects(client.call('status', {}, { signal }), { code: 'not-running' });
    create = made;
    await clock.advance(settings.daemon.restartBackOff.first);
    await assert.rejects(client.call('status', {}, { signal }), { code: 'not-running' }, 'less and less often');
    await clock.advance(settings.daemon.restartBackOff.first);
    await waitUntil('there is one again', () => client.call('status', {}, { signal }).then(() => true, () => false));
    assert.deepEqual(gateways.map(({ isClosed }) => isClosed), [true, false]);
    stop();
    await running;
    assert.deepEqual(gateways.map(({ isClosed }) => isClosed), [true, true]);
  });

  it('stops its gateway while the state changes, and starts one on the new state', async () => {
    const running = run();
    await ready.promise;
    assert.deepEqual(await client.call('init', { jid: 'anna@example.org', password: 'p' }, { signal }), RESULT);
    assert.deepEqual(gateways.map(({ isClosed }) => isClosed), [true, false]);
    await client.call('import-credentials', { file: 'AAAA', password: 'p' }, { signal });
    assert.deepEqual(gateways.map(({ isClosed }) => isClosed), [true, true, false]);
    stop();
    await running;
  });

  it('lets its gateway work while a change is prepared, and gives that up with its caller', async () => {
    const prepared = deferred();
    setup = fakeSetup({
      prepareInit: (_, __, { signal: waiting }) => new Promise((_resolve, reject) => {
        prepared.resolve();
        waiting.addEventListener('abort', () => reject(waiting.reason as Error), { once: true });
      }),
      prepareImport: () => Promise.reject(new XpmnError('bad-password', 'No.')),
    });
    const running = run();
    await ready.promise;
    const caller = new AbortController();
    const asked = client.call('init', {}, { signal: caller.signal });
    await prepared.promise;
    assert.equal((await client.call('status', {}, { signal })).version, '0.0.0');
    caller.abort(new XpmnError('aborted', 'Interrupted.'));
    await assert.rejects(asked, { code: 'aborted' });
    await assert.rejects(client.call('import-credentials', { file: 'AAAA', password: 'p' }, { signal }), { code: 'bad-password' });
    assert.deepEqual(gateways.map(({ isClosed }) => isClosed), [false]);
    stop();
    await running;
  });

  it('goes on with the old state when a change is refused, and without a gateway when none starts', async () => {
    setup = fakeSetup({ prepareInit: async () => () => Promise.reject(new XpmnError('storage-failed', 'No.')), prepareImport: async () => async () => RESULT });
    const running = run();
    await ready.promise;
    await assert.rejects(client.call('init', {}, { signal }), { code: 'storage-failed' });
    assert.equal((await client.call('status', {}, { signal })).version, '0.0.0');
    create = () => Promise.reject(new XpmnError('storage-failed', 'The state is damaged.'));
    assert.deepEqual(await client.call('import-credentials', { file: 'AAAA', password: 'p' }, { signal }), RESULT);
    await assert.rejects(client.call('status', {}, { signal }), { code: 'not-running', message: 'The gateway could not be started: The state is damaged.' });
    stop();
    await running;
  });
});
