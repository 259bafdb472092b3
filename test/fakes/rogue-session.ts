import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import { SerialQueue, deferred } from '../../src/xpmn/kernel/tasks.ts';
import type { Deferred } from '../../src/xpmn/kernel/tasks.ts';
import { XmlParser } from '../../src/xpmn/model/xml-parser.ts';
import { child, childText, serialise, textOf } from '../../src/xpmn/model/xml.ts';
import type { XmlElement } from '../../src/xpmn/model/xml.ts';
import type { ServerCertificates } from './server-certificates.ts';

/** Where a session stands. Each is reached in this order. */
export type Step = 'connected' | 'header' | 'starttls' | 'secure-header' | 'auth' | 'response' | 'authenticated-header' | 'bind' | 'online';

export interface Behaviour {
  readonly starttls: 'offered' | 'missing' | 'refused';
  readonly certificate: 'good' | 'untrusted' | 'wrongName' | 'expired';
  /** Plain text in the same segment as `<proceed/>`, as an attacker on the path would put it there. */
  readonly injected: string;
  /** Text right behind `<success/>`, or the result of bind. */
  readonly afterSuccess: string;
  readonly afterBind: string;
  /** Said instead of the first header. */
  readonly junk: string;
  /** More inside `<stream:features/>`. */
  readonly features: string;
  /** Bytes of one write; 0 = all at once. */
  readonly segment: number;
  /** Says nothing any more once it is there. */
  readonly stall: Step | undefined;
  readonly mechanisms: readonly string[];
  readonly scram: 'honest' | 'no-signature' | 'wrong-signature' | 'success-at-once' | 'few-iterations' | 'many-iterations' | 'foreign-nonce' |
    'not-authorized' | 'temporary-auth-failure' | 'signature-in-challenge';
  /**
   * How it answers EXTERNAL, which it offers only to a client that has shown a certificate; honest: the one it knows logs
   * in as romeo, by its address or asked to. `anybody`: whatever was shown.
   */
  readonly external: 'honest' | 'not-authorized' | 'invalid-authzid' | 'wants-authzid' | 'asks' | 'asks-on' | 'asks-else' | 'temporary-auth-failure' | 'anybody';
  /**
   * Whether it gives tokens (SASL2 with FAST), and how it answers a login by one; honest: the one it knows logs in, and
   * who asks gets one. `odd`: gives what is no token. `continue`: wants a second factor.
   */
  readonly tokens: 'none' | 'honest' | 'rotates' | 'no-proof' | 'wrong-proof' | 'not-authorized' | 'credentials-expired' | 'temporary-auth-failure' | 'odd' | 'continue';
  /** What SASL2 offers instead of `mechanisms`. */
  readonly newerMechanisms: readonly string[] | undefined;
  /** Whether TLS asks the client for a certificate. */
  readonly asksCertificate: boolean;
  readonly bound: string | undefined;
  readonly directTls: boolean;
  /** Online, it answers nothing by itself (not even pings). */
  readonly mute: boolean;
}

export interface RogueContext {
  readonly behaviour: Behaviour;
  readonly certificates: ServerCertificates;
  readonly domain: string;
  readonly password: string;
  /** DER of the certificate that may log in. */
  readonly client: Buffer | undefined;
  /** The token that may log in. */
  readonly token: string;
}

const LIMITS = { depth: 64, bytes: 16 * 1024 * 1024, nodes: 1_000_000 };
const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SASL2 = 'urn:xmpp:sasl:2';
const NS_FAST = 'urn:xmpp:fast:0';
const NS_BIND = 'urn:ietf:params:xml:ns:xmpp-bind';

/** One connection to the rogue server. */
export class RogueSession {
  /** Every element that the client sent, with whether TLS was on. */
  readonly received: { readonly element: XmlElement; readonly secure: boolean }[] = [];
  /** Every byte that came over plain TCP. */
  plain = '';
  jid = '';
  readonly closed: Promise<void>;
  /** Sizes of what arrived decrypted, one per TLS record or more. */
  readonly chunks: number[] = [];
  sawFooter = false;
  /** DER of the certificate that the client has shown. */
  shown: Buffer | undefined;
  private socket: Socket;
  private parser: XmlParser | undefined;
  private readonly context: RogueContext;
  private readonly steps = new Map<Step, Deferred<void>>();
  private readonly awaited: { matches: (element: XmlElement) => boolean; found: (element: XmlElement) => void }[] = [];
  private readonly segments = new SerialQueue();
  private authenticated = false;
  private silent = false;
  /** Which profile of SASL the client has begun. */
  private profile: typeof NS_SASL | typeof NS_SASL2 = NS_SASL;
  private givesToken = false;
  private scram: { nonce: string; firstBare: string; serverFirst: string; hash: string; salt: Buffer; iterations: number } | undefined;

  constructor(socket: Socket, context: RogueContext) {
    this.socket = socket;
    this.context = context;
    socket.on('error', () => undefined);
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  private get secure(): boolean {
    return this.socket instanceof TLSSocket;
  }

  run(): void {
    this.socket.on('data', this.onPlain);
    if (this.context.behaviour.directTls) this.startTls();
    else this.listen();
    this.step('connected');
  }

  /** Resolves when the session has come to that step. */
  reached(step: Step): Promise<void> {
    return this.at(step).promise;
  }

  /** The next element that matches, from now on. */
  next(matches: (element: XmlElement) => boolean = () => true): Promise<XmlElement> {
    return new Promise((found) => this.awaited.push({ matches, found }));
  }

  /** Sends text as it is, in segments if it behaves so. */
  raw(text: string | Buffer): void {
    const { segment } = this.context.behaviour;
    const bytes = Buffer.from(text);
    if (segment === 0) {
      this.socket.write(bytes);
      return;
    }
    // Each after the one before has gone: what is written together would go out joined.
    const next = (at: number): Promise<void> => new Promise((sent) => this.socket.write(bytes.subarray(at, at + segment), () => sent()));
    for (let at = 0; at < bytes.length; at += segment) void this.segments.run(() => next(at));
  }

  send(element: XmlElement): void {
    this.raw(serialise(element, 'jabber:client'));
  }

  /** What a stream that is not read does to a client. */
  pause(): void {
    this.socket.pause();
  }

  resume(): void {
    this.socket.resume();
  }

  end(): void {
    this.socket.end();
  }

  destroy(): void {
    this.socket.destroy();
  }

  private readonly onPlain = (chunk: Buffer): void => {
    this.plain += chunk.toString('latin1');
  };

  private at(step: Step): Deferred<void> {
    const found = this.steps.get(step) ?? deferred();
    this.steps.set(step, found);
    return found;
  }

  private step(step: Step): boolean {
    this.at(step).resolve();
    if (this.context.behaviour.stall === step) this.silent = true;
    return !this.silent;
  }

  private listen(): void {
    this.socket.on('data', this.onData);
    this.socket.on('error', () => undefined);
    this.fresh();
  }

  private fresh(): void {
    this.parser = new XmlParser('stream', LIMITS, {
      onRoot: () => this.header(),
      onElement: (element) => this.element(element),
      onEnd: () => {
        this.sawFooter = true;
        this.socket.end(this.silent ? '' : '</stream:stream>');
      },
    });
  }

  private readonly onData = (chunk: Buffer): void => {
    this.chunks.push(chunk.length);
    try {
      this.parser?.write(chunk);
    } catch {
      this.socket.destroy();
    }
  };

  private header(): void {
    const { behaviour, domain } = this.context;
    if (!this.step(this.authenticated ? 'authenticated-header' : this.secure ? 'secure-header' : 'header')) return;
    if (behaviour.junk !== '') return this.raw(behaviour.junk);
    const open = `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' from='${domain}' id='${randomBytes(6).toString('hex')}' version='1.0'>`;
    this.raw(`${open}<stream:features>${this.features()}${behaviour.features}</stream:features>`);
  }

  private features(): string {
    const { behaviour } = this.context;
    if (this.authenticated) return `<bind xmlns='${NS_BIND}'/>`;
    const offered = behaviour.mechanisms.filter((name) => name !== 'EXTERNAL' || this.shown !== undefined);
    const names = (list: readonly string[]): string => list.map((name) => `<mechanism>${name}</mechanism>`).join('');
    const mechanisms = `<mechanisms xmlns='${NS_SASL}'>${names(offered)}</mechanisms>`;
    const newer = `<authentication xmlns='${NS_SASL2}'>${names(behaviour.newerMechanisms ?? offered)}<inline><fast xmlns='${NS_FAST}'>${names(['HT-SHA-256-ENDP', 'HT-SHA-256-NONE'])}</fast></inline></authentication>`;
    if (this.secure) return behaviour.tokens === 'none' ? mechanisms : newer + mechanisms;
    return behaviour.starttls === 'missing' ? mechanisms : `<starttls xmlns='${NS_TLS}'/>${mechanisms}`;
  }

  private element(element: XmlElement): void {
    this.received.push({ element, secure: this.secure });
    const index = this.awaited.findIndex(({ matches }) => matches(element));
    if (index >= 0) this.awaited.splice(index, 1)[0]?.found(element);
    if (element.ns === NS_TLS) this.starttls();
    else if (element.ns === NS_SASL && element.name === 'auth') this.auth(element.attrs['mechanism'] ?? '', textOf(element));
    else if (element.ns === NS_SASL2 && element.name === 'authenticate') this.authenticate(element);
    else if (element.ns === this.profile && element.name === 'response') this.response(element);
    else if (child(element, 'bind', NS_BIND)) this.bind(element);
    else if (this.jid !== '' && !this.context.behaviour.mute && child(element, 'ping', 'urn:xmpp:ping')) {
      this.raw(`<iq type='result' id='${element.attrs['id'] ?? ''}' from='${this.context.domain}'/>`);
    }
  }

  private starttls(): void {
    if (!this.step('starttls')) return;
    if (this.context.behaviour.starttls === 'refused') return this.raw(`<failure xmlns='${NS_TLS}'/></stream:stream>`);
    // In one write, so that it is one segment.
    this.socket.write(`<proceed xmlns='${NS_TLS}'/>${this.context.behaviour.injected}`);
    this.socket.off('data', this.onData);
    this.startTls();
  }

  private startTls(): void {
    const { certificates, behaviour } = this.context;
    this.socket.off('data', this.onPlain);
    const secured = new TLSSocket(this.socket, { isServer: true, ...certificates[behaviour.certificate], requestCert: behaviour.asksCertificate, rejectUnauthorized: false });
    secured.on('close', () => this.socket.destroy());
    // Node's type forgets that there may be none.
    secured.once('secure', () => (this.shown = (secured.getPeerCertificate() as { raw?: Buffer }).raw));
    this.socket = secured;
    this.listen();
  }

  private authenticate(element: XmlElement): void {
    this.profile = NS_SASL2;
    this.givesToken = child(element, 'request-token', NS_FAST) !== undefined;
    const initial = childText(element, 'initial-response', NS_SASL2) ?? '';
    if (child(element, 'fast', NS_FAST)) this.byToken(Buffer.from(initial, 'base64'));
    else this.auth(element.attrs['mechanism'] ?? '', initial);
  }

  private byToken(said: Buffer): void {
    if (!this.step('auth')) return;
    const { token, behaviour: { tokens } } = this.context;
    if (tokens === 'not-authorized' || tokens === 'credentials-expired' || tokens === 'temporary-auth-failure') return this.refuse(tokens);
    if (tokens === 'continue') return this.raw(`<continue xmlns='${NS_SASL2}'><tasks><task>OTP</task></tasks></continue>`);
    const hmac = (role: string): Buffer => createHmac('sha256', token).update(role).digest();
    if (!said.equals(Buffer.concat([Buffer.from('romeo\0'), hmac('Initiator')]))) return this.refuse('not-authorized');
    this.givesToken = tokens === 'rotates' || tokens === 'odd';
    this.succeed(tokens === 'no-proof' ? '' : (tokens === 'wrong-proof' ? hmac('Initiator') : hmac('Responder')).toString('base64'));
  }

  private auth(mechanism: string, initial: string): void {
    if (!this.step('auth')) return;
    const { behaviour } = this.context;
    if (mechanism === 'EXTERNAL') return this.external(initial);
    if (behaviour.scram === 'success-at-once') return this.succeed('');
    const hash = mechanism === 'SCRAM-SHA-256' ? 'sha256' : 'sha1';
    const firstBare = Buffer.from(initial, 'base64').toString().replace(/^n,,/, '');
    const client = /r=([^,]*)/.exec(firstBare)?.[1] ?? '';
    const nonce = (behaviour.scram === 'foreign-nonce' ? 'elsewhere' : client) + randomBytes(9).toString('base64');
    const salt = randomBytes(16);
    const iterations = behaviour.scram === 'few-iterations' ? 100 : behaviour.scram === 'many-iterations' ? 2_000_000_000 : 4096;
    const serverFirst = `r=${nonce},s=${salt.toString('base64')},i=${iterations}`;
    this.scram = { nonce, firstBare, serverFirst, hash, salt, iterations };
    this.raw(`<challenge xmlns='${this.profile}'>${Buffer.from(serverFirst).toString('base64')}</challenge>`);
  }

  private external(said: string): void {
    const { client, behaviour: { external } } = this.context;
    const identity = said === '=' ? '' : Buffer.from(said, 'base64').toString();
    if (external === 'anybody') return this.succeed('');
    if (external === 'not-authorized' || external === 'invalid-authzid' || external === 'temporary-auth-failure') return this.refuse(external);
    if (external === 'wants-authzid' && identity === '') return this.refuse('invalid-authzid');
    if ((external === 'asks' && identity === '') || external === 'asks-on') return this.raw(`<challenge xmlns='${NS_SASL}'/>`);
    if (external === 'asks-else') return this.raw(`<challenge xmlns='${NS_SASL}'>${Buffer.from('What else?').toString('base64')}</challenge>`);
    const isKnown = client !== undefined && (this.shown?.equals(client) ?? false);
    if (isKnown && ['', `romeo@${this.context.domain}`].includes(identity.replace(/\/.*/, ''))) this.succeed('');
    else this.refuse('not-authorized');
  }

  private response(element: XmlElement): void {
    if (!this.step('response')) return;
    if (!this.scram) return this.external(textOf(element));
    const { behaviour } = this.context;
    if (textOf(element) === '') return this.succeed('');
    if (behaviour.scram === 'temporary-auth-failure') return this.refuse('temporary-auth-failure');
    const signature = this.verify(Buffer.from(textOf(element), 'base64').toString());
    if (signature === undefined || behaviour.scram === 'not-authorized') return this.refuse('not-authorized');
    const said = behaviour.scram === 'wrong-signature' ? randomBytes(20) : signature;
    const final = behaviour.scram === 'no-signature' ? '' : Buffer.from(`v=${said.toString('base64')}`).toString('base64');
    if (behaviour.scram === 'signature-in-challenge') this.raw(`<challenge xmlns='${this.profile}'>${final}</challenge>`);
    else this.succeed(final);
  }

  /** RFC 5802 §3, the server's half: the server signature, or undefined for a wrong proof. */
  private verify(clientFinal: string): Buffer | undefined {
    const { hash, salt, iterations, firstBare, serverFirst } = this.scram as NonNullable<typeof this.scram>;
    const size = hash === 'sha1' ? 20 : 32;
    const salted = pbkdf2Sync(this.context.password, salt, iterations, size, hash);
    const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
    const message = `${firstBare},${serverFirst},${clientFinal.replace(/,p=[^,]*$/, '')}`;
    const clientKey = hmac(salted, 'Client Key');
    const proof = hmac(createHash(hash).update(clientKey).digest(), message).map((byte, i) => byte ^ (clientKey[i] as number));
    const given = Buffer.from(/,p=([^,]*)$/.exec(clientFinal)?.[1] ?? '', 'base64');
    return given.equals(Buffer.from(proof)) ? hmac(hmac(salted, 'Server Key'), message) : undefined;
  }

  private refuse(condition: string): void {
    this.raw(`<failure xmlns='${this.profile}'><${condition} xmlns='${NS_SASL}'/></failure>`);
  }

  private succeed(data: string): void {
    this.authenticated = true;
    if (this.profile === NS_SASL2) return this.succeedOnward(data);
    this.fresh();
    this.raw(`<success xmlns='${NS_SASL}'>${data}</success>${this.context.behaviour.afterSuccess}`);
  }

  /** SASL2: the stream goes on. */
  private succeedOnward(data: string): void {
    const { behaviour: { tokens, afterSuccess }, domain } = this.context;
    const given = tokens === 'odd' ? "token='next' expiry='tomorrow'" : "token='next' expiry='2026-02-01T00:00:00Z'";
    const parts = [data === '' ? '' : `<additional-data>${data}</additional-data>`, `<authorization-identifier>romeo@${domain}</authorization-identifier>`, this.givesToken ? `<token xmlns='${NS_FAST}' ${given}/>` : ''];
    this.raw(`<success xmlns='${NS_SASL2}'>${parts.join('')}</success>${afterSuccess}<stream:features>${this.features()}</stream:features>`);
  }

  private bind(element: XmlElement): void {
    if (!this.step('bind')) return;
    const { behaviour, domain } = this.context;
    const id = element.attrs['id'] ?? '';
    if (behaviour.bound === 'conflict' || behaviour.bound === 'service-unavailable') {
      return this.raw(`<iq type='error' id='${id}'><error type='cancel'><${behaviour.bound} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>`);
    }
    const bind = child(element, 'bind', NS_BIND) as XmlElement;
    this.jid = behaviour.bound ?? `romeo@${domain}/${childText(bind, 'resource') ?? 'random'}`;
    this.raw(`<iq type='result' id='${id}'><bind xmlns='${NS_BIND}'><jid>${this.jid}</jid></bind></iq>${behaviour.afterBind}`);
    this.step('online');
  }
}
