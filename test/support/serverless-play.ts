import type { Duplex } from 'node:stream';
import { XpmnError } from '../../src/xpmn/kernel/errors.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import type { SecuredStream, SecurityContext, SecurityMethod } from '../../src/xpmn/ports/security.ts';
import type { Role } from '../../src/xpmn/ports/transport.ts';
import { secureAsInitiator } from '../../src/xpmn/serverless/initiator.ts';
import { secureAsResponder } from '../../src/xpmn/serverless/responder.ts';
import type { LinkParty } from './serverless-rig.ts';
import { LinkDevice, linkOptions } from './serverless-rig.ts';
import { FakeClock, FakeRandom, settle } from './fake-clock.ts';
import { identity } from './secured-pair.ts';
import { duplexWire } from './wire.ts';

export const OURS = parseJid('romeo@home.test/ours');
export const THEIRS = parseJid('romeo@home.test/theirs');
export const FINGERPRINT = { ours: 'a'.repeat(40), theirs: 'b'.repeat(40) };

const TLS = "xmlns='urn:ietf:params:xml:ns:xmpp-tls'";
const SECURITY = "xmlns='urn:xmpp:jingle:security:xtls:0'";

/** A method that only notes where TLS would begin, and with which bytes: there the play ends well, or stalls. */
export class NotedSecurity implements SecurityMethod {
  readonly name: string;
  readonly contexts: SecurityContext[] = [];
  /** What TLS would have read. */
  received = '';
  stalls = false;

  constructor(name: string) {
    this.name = name;
  }

  secure(raw: Duplex, context: SecurityContext): Promise<SecuredStream> {
    this.contexts.push(context);
    raw.on('data', (bytes: Buffer) => (this.received += bytes.toString('latin1')));
    return new Promise((resolve, reject) => {
      const over = (error: Error): void => {
        raw.destroy();
        reject(error);
      };
      context.signal.addEventListener('abort', () => over(context.signal.reason as Error), { once: true });
      raw.once('close', () => reject(new XpmnError('security-failed', 'The stream ended.')));
      if (!this.stalls) resolve({ stream: raw, peer: identity(context.peer, 'b'), local: context.local, method: this.name, role: context.role } as unknown as SecuredStream);
    });
  }
}

export type Outcome = { readonly code: string; readonly error: XpmnError } | { readonly code: 'secured'; readonly error: undefined };

/** One of our devices against a peer that the test plays, byte by byte, over a wire in memory. */
export class Play {
  readonly clock = new FakeClock();
  readonly security = new NotedSecurity('x509');
  readonly device: LinkDevice;
  readonly outcome: Promise<Outcome>;
  /** All that our side has said. */
  heard = '';
  private readonly theirs: Duplex;
  private readonly own: Duplex;

  constructor(role: Role, { methods = [], change = () => undefined, signal = new AbortController().signal, isDeaf = false }: {
    readonly methods?: readonly SecurityMethod[];
    readonly change?: (device: LinkDevice) => void;
    readonly signal?: AbortSignal;
    /** The peer takes nothing of what our side says. */
    readonly isDeaf?: boolean;
  } = {}) {
    [this.own, this.theirs] = duplexWire(undefined, isDeaf ? 1 : undefined);
    const party = { jid: OURS, fingerprint: FINGERPRINT.ours } as LinkParty;
    this.device = new LinkDevice(party, [], [this.security, ...methods]);
    change(this.device);
    if (!isDeaf) this.theirs.on('data', (bytes: Buffer) => (this.heard += bytes.toString()));
    const { clock, device } = this;
    const endpointFor = (to: Jid | undefined): LinkDevice | undefined => (to === undefined || to === OURS ? device : undefined);
    const running: Promise<unknown> = role === 'initiator'
      ? secureAsInitiator(this.own, { own: device, peer: THEIRS, introduce: false, signal }, { clock }, linkOptions)
      : secureAsResponder(this.own, { clock, random: new FakeRandom(), endpointFor }, linkOptions, signal);
    this.outcome = running.then(() => ({ code: 'secured', error: undefined }), (error: XpmnError) => ({ code: error.code, error }));
  }

  async say(...texts: readonly (string | Uint8Array)[]): Promise<this> {
    for (const text of texts) if (!this.theirs.destroyed) this.theirs.write(text);
    await settle(2);
    return this;
  }

  /** Every byte by itself, read before the next one comes. */
  async spell(text: string): Promise<this> {
    for (const byte of Buffer.from(text)) {
      if (this.isOver) break;
      this.theirs.write(Buffer.of(byte));
      await settle(1);
    }
    await settle(2);
    return this;
  }

  async hangUp(how: 'end' | 'destroy'): Promise<void> {
    this.theirs[how]();
    await settle(2);
  }

  /** How it came out, and that nothing is left of it where it came to nothing. */
  async end(): Promise<Outcome> {
    const outcome = await this.outcome;
    await settle(3);
    if (outcome.error && !this.own.destroyed) throw new Error('the stream is still there', { cause: outcome.error });
    if (this.clock.pending > 0) throw new Error(`${this.clock.pending} timers are left`);
    this.own.destroy();
    this.theirs.destroy();
    return outcome;
  }

  get isOver(): boolean {
    return this.own.destroyed;
  }
}

const HEADER = `from='${THEIRS}' to='${OURS}' version='1.0'`;

function security(methods: readonly string[], fingerprint = `<fingerprint algo='sha1'>${FINGERPRINT.theirs}</fingerprint>`): string {
  return `<security ${SECURITY}>${fingerprint}${methods.map((name) => `<method name='${name}'/>`).join('')}</security>`;
}

/** The peer's lines. */
export const lines = {
  header: (attrs = HEADER): string => `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ${attrs}>`,
  features: (inside = `<starttls ${TLS}><required/>${security(['x509'])}</starttls>`): string => `<stream:features>${inside}</stream:features>`,
  starttls: (inside = security(['x509'])): string => `<starttls ${TLS}>${inside}</starttls>`,
  proceed: (...methods: readonly string[]): string => `<proceed ${TLS}>${security(methods, '')}</proceed>`,
  plainProceed: `<proceed ${TLS}/>`,
  failure: `<failure ${TLS}/>`,
  security,
  query: (id = 'q1', node = ''): string => `<iq type='get' id='${id}'><query xmlns='http://jabber.org/protocol/disco#info'${node && ` node='${node}'`}/></iq>`,
  error: (condition: string): string => `<stream:error><${condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>`,
  footer: '</stream:stream>',
};
