import assert from 'node:assert/strict';
import { join, onLink } from '../../src/app/join-call.ts';
import type { SetupDeps } from '../../src/app/setup-api.ts';
import type { MediaGateway } from '../../src/xpmn/gateway/media-gateway.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { BUTTON_PIN, ButtonWindow } from '../../src/xpmn/pairing/button-window.ts';
import type { ButtonState } from '../../src/xpmn/pairing/button-state.ts';
import type { Network } from '../../src/xpmn/trust/network.ts';
import type { PairingWindow } from '../../src/xpmn/trust/pairing-window.ts';
import { waitUntil } from '../peers/wait.ts';
import { FakeClock } from '../support/fake-clock.ts';
import { firstNetwork, testGateway, testPairing } from '../support/gateways.ts';
import { LinkInMemory } from '../support/link-in-memory.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { settings } from '../support/settings.ts';

const never = new AbortController().signal;

/** A machine whose button is pressed, and others that call it, whatever they have said on the link. */
describe('a machine whose button is pressed', function () {
  this.timeout(30_000);
  let link: LinkInMemory;
  let network: Network;
  /** Of the button alone: who is too many comes in time, however slow the machine is. */
  let clock: FakeClock;
  let window: PairingWindow;
  let button: ButtonWindow;
  let gateway: MediaGateway;

  beforeEach(async () => {
    link = new LinkInMemory();
    network = await firstNetwork(undefined);
    window = testPairing();
    clock = new FakeClock();
    button = new ButtonWindow({ clock, random: systemRandom }, settings.pairing);
    gateway = testGateway(network, undefined, { discovery: link.connect(), pairing: window, button });
    await gateway.start({ signal: never });
  });
  afterEach(() => gateway.stop());

  const said = (): string | undefined => link.services.find(({ txt }) => txt['jid'] === gateway.jid)?.txt['pair'];
  function call(pin: string | undefined, name = 'Laptop'): ReturnType<typeof join> {
    const deps: SetupDeps = { clock: systemClock, random: systemRandom, log: silentLogger, config: settings, storage: new MemoryStorage() };
    const port = link.services[0]?.port as number;
    return join(deps, { call: onLink([{ host: '127.0.0.1', port }]), host: gateway.jid, pin, name, replace: false }, never);
  }

  it('says so on the link, takes in the only one that calls, and shows its number', async () => {
    gateway.pressButton(true);
    assert.equal(said(), 'button');
    const added = call(undefined);
    await waitUntil('it has called', () => button.state.state === 'proven');
    await clock.advance(settings.pairing.buttonLook + settings.pairing.buttonDoubt);
    const { number, jid } = await (await added)();
    const { state, number: ours } = button.state as Extract<ButtonState, { state: 'paired' }>;
    assert.deepEqual([state, ours], ['paired', number]);
    assert.ok(gateway.devices().some((device) => device.jid === jid));
    assert.equal(said(), 'closed');
  });

  it('takes in neither of two that call, though they have said nothing on the link', async () => {
    gateway.pressButton(true);
    const first = call(undefined);
    first.catch(() => undefined);
    await waitUntil('it has called', () => button.state.state === 'proven');
    const second = call(undefined, 'Phone');
    await assert.rejects(second, { code: 'security-failed' });
    await assert.rejects(first, { code: 'conflict' });
    assert.equal(gateway.devices().length, 1);
    assert.equal(said(), 'crowded');
  });

  it('takes in neither the one that called nor the one that shows after that', async () => {
    gateway.pressButton(true);
    const first = call(undefined);
    first.catch(() => undefined);
    await waitUntil('it has called', () => button.state.state === 'proven');
    for (const instance of ['a@a', 'b@b']) link.say({ instance, addresses: ['127.0.0.1'], port: 9, txt: { txtvers: '1', jid: 'net-b@xpmn.local/x', net: 'ab'.repeat(32), pair: 'looking' } });
    await assert.rejects(first, { code: 'conflict' });
    assert.equal(gateway.devices().length, 1);
  });

  it('has nothing to do with PINs: neither window takes what is for the other', async () => {
    gateway.pressButton(true);
    for (const pin of [BUTTON_PIN, '418220']) await assert.rejects(call(pin), { code: 'peer-unavailable' });
    assert.equal(button.state.state, 'hosting');
    button.close();
    const { pin } = (await window.open()) as { pin: string };
    await assert.rejects(call(undefined), { code: 'security-failed' });
    // The method is not even offered.
    await assert.rejects(call(undefined), /offers no|no security method/);
    assert.deepEqual([window.state.state, (window.state as { burnt: number }).burnt], ['open', 0]);
    await (await call(pin))();
    assert.equal(window.state.state, 'paired');
  });

  it('is left by whoever it had not added yet when the user has had enough', async () => {
    gateway.pressButton(true);
    const first = call(undefined);
    first.catch(() => undefined);
    await waitUntil('it has called', () => button.state.state === 'proven');
    button.close();
    await assert.rejects(first);
    assert.equal(gateway.devices().length, 1);
    assert.equal(said(), 'closed');
  });
});
