import assert from 'node:assert/strict';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import { child, xml } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import { createXmlStreamMethod } from '../../src/xpmn/jingle/applications/xml-stream.ts';
import type { EndToEndStream } from '../../src/xpmn/jingle/applications/end-to-end-stream.ts';
import { createJingleManager } from '../../src/xpmn/jingle/manager.ts';
import type { JingleManager, OpenedSession } from '../../src/xpmn/jingle/manager.ts';
import { createX509, fingerprintOf } from '../../src/xpmn/jingle/security/tls.ts';
import { keyNameOf, generateKey, privateKeyPem } from '../../src/xpmn/trust/keys.ts';
import { issueCertificate } from '../../src/xpmn/trust/certificate.ts';
import type { ApplicationMethod } from '../../src/xpmn/ports/application.ts';
import type { ListedPeer } from '../../src/xpmn/model/identity.ts';
import { resultPayload } from '../../src/xpmn/xmpp/stanza.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { settle } from '../support/fake-clock.ts';
import { FAST, actionsOf } from '../support/jingle-pair.ts';
import { ibbRig } from '../support/ibb-rig.ts';
import { settings } from '../support/settings.ts';
import { TrackedClock } from '../support/tracked-clock.ts';
import { FakeNetwork } from '../fakes/fake-transport.ts';

const ECHO = 'urn:example:echo';

interface Side {
  readonly manager: JingleManager;
  readonly application: ApplicationMethod<EndToEndStream>;
  readonly opened: OpenedSession[];
}

/** Two devices with the real in-band transport, real TLS and real XML streams; only the server is in memory. */
async function home(): Promise<{ a: Side; b: Side; rig: ReturnType<typeof ibbRig>; clock: TrackedClock }> {
  const clock = new TrackedClock();
  const rig = ibbRig(clock, 1);
  const network = new FakeNetwork();
  const make = async (end: 'a' | 'b'): Promise<Side> => {
    const { channel, router } = rig.pair[end];
    const key = await generateKey();
    const certificate = issueCertificate({ clock, random: systemRandom }, { certificateYears: 10 }, key, { commonName: end, jid: channel.local });
    const inner = new IqRouter({ log: silentLogger }, settings.iq);
    inner.handle({ ns: ECHO }, ({ payload }) => payload);
    const application = createXmlStreamMethod(
      { clock, random: systemRandom, log: silentLogger, router: inner },
      { ...settings.xmlStream, limits: settings.xml.endToEndStream, iq: settings.iq },
    );
    const opened: OpenedSession[] = [];
    const manager = createJingleManager({
      clock, random: systemRandom, log: silentLogger, local: channel.local, registry: router,
      transports: [network.method(FAST, 100, { mode: 'fail' }), end === 'a' ? rig.initiator : rig.responder],
      securities: [createX509({ credentials: { certificate: certificate.pem, privateKey: privateKeyPem(key) }, clock }, settings.tls)],
      applications: [application],
      fingerprint: fingerprintOf(certificate.der),
      accept: (_leaf, jid): Promise<ListedPeer> => Promise.resolve({ verdict: 'own', key: keyNameOf(key), jid, network: keyNameOf(key), roles: [] }),
      onOpened: (session) => opened.push(session),
    }, settings.jingle);
    return { manager, application, opened };
  };
  const [a, b] = await Promise.all([make('a'), make('b')]);
  return { a, b, rig, clock };
}

async function call({ a, rig }: Awaited<ReturnType<typeof home>>): Promise<EndToEndStream> {
  const { channel } = rig.pair.a;
  return a.manager.open({ peer: rig.pair.b.channel.local, channel, application: a.application, signal: new AbortController().signal });
}

async function ask({ channel, closed }: EndToEndStream): Promise<void> {
  const payload = xml('echo', ECHO, {}, 'secret words');
  assert.deepEqual(resultPayload(await channel.request({ type: 'get', payload }, { signal: closed })), payload);
}

async function until(what: () => boolean): Promise<void> {
  for (let i = 0; i < 50_000 && !what(); i += 1) await settle(1);
  assert.ok(what());
}

function nothingLeft({ a, b, rig, clock }: Awaited<ReturnType<typeof home>>): Promise<void> {
  return until(() => [...a.manager.sessions(), ...b.manager.sessions()].length + rig.pair.waiting + clock.pending + rig.routers.reduce((sum, { size }) => sum + size, 0) === 0);
}

describe('jingle: real layers', () => {
  it('falls back to in-band, secures it, runs an XML stream on it, and ends it in order', async () => {
    const all = await home();
    const { a, b, rig } = all;
    const stream = await call(all);
    await ask(stream);
    await until(() => b.opened.length === 1);
    await ask(b.opened[0]?.application as EndToEndStream);
    assert.ok(!rig.pair.sent.some(({ stanza }) => JSON.stringify(stanza).includes('secret words')));
    const log = actionsOf(rig.pair).filter((action) => !action.includes('transport-info'));
    assert.deepEqual(log, ['a session-initiate', 'b session-accept', 'a security-info', 'a transport-replace', 'b transport-accept']);
    await a.manager.closeAll({ signal: AbortSignal.timeout(5000) });
    // Whoever sees the end first says so.
    await until(() => actionsOf(rig.pair).some((action) => action.endsWith('session-terminate success')));
    await nothingLeft(all);
  });

  it('says failed-transport when the server drops a block', async () => {
    const all = await home();
    const { b, rig } = all;
    const stream = await call(all);
    await until(() => b.opened.length === 1);
    const data = (stanza: XmlElement): boolean => child(stanza, 'data') !== undefined;
    let dropped = false;
    rig.pair.tap = (from, stanza) => {
      if (dropped || from !== 'a' || !data(stanza)) return stanza;
      dropped = true;
      return undefined;
    };
    ask(stream).catch(() => undefined);
    await settle();
    ask(stream).catch(() => undefined);
    await until(() => actionsOf(rig.pair).includes('b session-terminate failed-transport'));
    await until(() => stream.closed.aborted);
    await nothingLeft(all);
  });

  it('ends at both ends when the server changes a byte', async () => {
    const all = await home();
    const { rig } = all;
    const stream = await call(all);
    await ask(stream);
    rig.pair.tap = (_from, stanza) => {
      const block = child(stanza, 'data');
      if (!block) return stanza;
      const bytes = Buffer.from(String(block.children[0]), 'base64');
      bytes[bytes.length - 1] = (bytes.at(-1) as number) ^ 1;
      return { ...stanza, children: [{ ...block, children: [bytes.toString('base64')] }] };
    };
    await assert.rejects(ask(stream));
    await nothingLeft(all);
  });

  it('frees both ends when the server is gone', async () => {
    const all = await home();
    const stream = await call(all);
    all.rig.pair.close();
    await until(() => stream.closed.aborted);
    assert.ok(stream.closed.reason instanceof XpmnError);
    await nothingLeft(all);
  });
});

