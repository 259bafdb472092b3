import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { SecurityContext, SecurityMethod } from '../../../src/xpmn/ports/security.ts';
import type { Role } from '../../../src/xpmn/ports/transport.ts';
import { FakeSecurity } from '../../fakes/fake-security.ts';
import { waitUntil } from '../../peers/wait.ts';
import { LinkDevice, linkParty, securedOver } from '../../support/serverless-rig.ts';
import type { LinkParty } from '../../support/serverless-rig.ts';
import { TrackedClock } from '../../support/tracked-clock.ts';
import { socketWire } from '../../support/wire.ts';

/** x509 under any name, which notes what it was told. */
class Noted implements SecurityMethod {
  readonly name: string;
  readonly contexts: SecurityContext[] = [];
  private readonly x509: SecurityMethod;

  constructor(name: string, { x509 }: LinkParty) {
    this.name = name;
    this.x509 = x509;
  }

  secure(...[raw, context]: Parameters<SecurityMethod['secure']>): ReturnType<SecurityMethod['secure']> {
    this.contexts.push(context);
    return this.x509.secure(raw, context);
  }
}

describe('STARTTLS between two devices', () => {
  let alice: LinkParty;
  let bob: LinkParty;
  let mallory: LinkParty;
  let clock: TrackedClock;

  before(async () => {
    [alice, bob, mallory] = await Promise.all([linkParty('alice'), linkParty('bob'), linkParty('mallory')]);
  });
  beforeEach(() => (clock = new TrackedClock()));
  afterEach(() => assert.equal(clock.pending, 0, 'timers are left'));

  it('secures a socket: each knows the other, in its role, with TLS directly on it', async () => {
    const wire = await socketWire();
    const { initiator, responder } = await securedOver(wire, { initiator: new LinkDevice(alice, [bob]), responder: new LinkDevice(bob, [alice]), clock });
    assert.deepEqual([initiator.peer, responder.peer], [bob.identity, alice.identity]);
    assert.deepEqual([initiator.local, responder.local, initiator.method], [alice.jid, bob.jid, 'x509']);
    assert.deepEqual([initiator.role, responder.role], ['initiator', 'responder']);
    initiator.stream.write('first words');
    assert.equal(String((await once(responder.stream, 'data'))[0]), 'first words');
    assert.ok('remoteAddress' in initiator.stream);
    for (const end of wire) end.destroy();
  });

  const names = (methods: SecurityContext['methods'] | undefined, role: Role): readonly string[] | undefined => methods?.[role];

  it('tells the method what was on the wire; the responder decides, in its order, among what the initiator can do', async () => {
    const make = (party: LinkParty, ...of: string[]): Noted[] => of.map((name) => new Noted(name, party));
    const ours = make(alice, 'x509', 'new', 'alice-only', 'srp-cb');
    const theirs = make(bob, 'bob-only', 'srp-cb', 'x509');
    const wire = await socketWire();
    const { initiator } = await securedOver(wire, { initiator: new LinkDevice(alice, [bob], ours), responder: new LinkDevice(bob, [alice], theirs), clock });
    assert.equal(initiator.peer, bob.identity);
    const [near, far] = [ours[3], theirs[1]].map((method) => method?.contexts[0]);
    for (const context of [near, far]) {
      // The responder has offered all it has; the initiator has named what it can do of that.
      assert.deepEqual(names(context?.methods, 'responder'), ['bob-only', 'srp-cb', 'x509']);
      assert.deepEqual(names(context?.methods, 'initiator'), ['x509', 'srp-cb']);
    }
    assert.deepEqual([near?.announcedFingerprint, far?.announcedFingerprint], [bob.fingerprint, alice.fingerprint]);
    assert.deepEqual([near?.peer, far?.peer, near?.local, far?.local], [bob.jid, alice.jid, alice.jid, bob.jid]);
    for (const end of wire) end.destroy();
  });

  const failure = async (of: Promise<unknown>): Promise<string> => of.then(() => 'it was secured', (error: { code: string }) => error.code);

  async function run(initiator: LinkDevice, responder: LinkDevice): Promise<string> {
    const wire = await socketWire();
    const code = await failure(securedOver(wire, { initiator, responder, clock }));
    await Promise.all(wire.map(async (end) => end.closed || once(end, 'close')));
    return code;
  }

  it('turns strangers away, either way', async () => {
    assert.equal(await run(new LinkDevice(alice, []), new LinkDevice(bob, [alice])), 'not-trusted');
    const responder = new LinkDevice(bob, [alice]);
    const wire = await socketWire();
    // The initiator in TLS is done first; it learns of the refusal by the end.
    await assert.rejects(securedOver(wire, { initiator: new LinkDevice(mallory, [bob]), responder, clock }), { code: 'not-trusted' });
    assert.deepEqual(responder.asked, [mallory.jid]);
    for (const end of wire) end.destroy();
  });

  it('refuses a certificate that is not the announced one, either way, and asks nobody about it', async () => {
    const other = { fingerprint: mallory.fingerprint };
    for (const liar of ['initiator', 'responder'] as const) {
      const initiator = new LinkDevice({ ...alice, ...(liar === 'initiator' && other) }, [bob]);
      const responder = new LinkDevice({ ...bob, ...(liar === 'responder' && other) }, [alice]);
      const wire = await socketWire();
      await assert.rejects(securedOver(wire, { initiator, responder, clock }), { code: 'security-failed' });
      for (const end of wire) end.destroy();
      await waitUntil('both have given up', () => clock.pending === 0);
      assert.deepEqual((liar === 'initiator' ? responder : initiator).asked, []);
    }
  });

  it('takes nobody with the name of another', async () => {
    const impostor = new LinkDevice({ ...mallory, jid: alice.jid }, [bob]);
    const wire = await socketWire();
    await assert.rejects(securedOver(wire, { initiator: impostor, responder: new LinkDevice(bob, [alice]), clock }), { code: 'not-trusted' });
    for (const end of wire) end.destroy();
  });

  it('fails where there is no method in common, before any handshake', async () => {
    const [odd, other] = [new FakeSecurity('odd', alice.fingerprint), new FakeSecurity('other', bob.fingerprint)];
    assert.equal(await run(new LinkDevice(alice, [bob], [odd]), new LinkDevice(bob, [alice], [other])), 'security-failed');
    assert.equal(odd.contexts.length + other.contexts.length, 0);
  });

  it('offers nothing to whom the device has nothing to do with', async () => {
    assert.equal(await run(new LinkDevice(alice, [bob]), new LinkDevice(bob, [alice], [])), 'security-failed');
  });
});
