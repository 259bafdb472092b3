import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Behaviour } from './rogue-session.ts';
import { RogueSession } from './rogue-session.ts';
import { makeServerCertificates } from './server-certificates.ts';
import type { ServerCertificates } from './server-certificates.ts';

export const ROGUE_DOMAIN = 'home.test';
export const ROGUE_PASSWORD = 'correct horse battery staple';

const honest: Behaviour = {
  starttls: 'offered', certificate: 'good', injected: '', afterSuccess: '', afterBind: '', junk: '', features: '', segment: 0, stall: undefined,
  mechanisms: ['EXTERNAL', 'SCRAM-SHA-1', 'SCRAM-SHA-256', 'PLAIN'], scram: 'honest', external: 'honest', tokens: 'none', newerMechanisms: undefined, asksCertificate: true, bound: undefined, directTls: false, mute: false,
};

/**
 * A server on loopback that does one thing wrong, as `behaviour` says; without it, it is honest enough to log in to.
 * Everything that clients said is kept, so that a test can show what was never said.
 */
export class RogueXmppServer {
  readonly certificates: ServerCertificates;
  readonly sessions: RogueSession[] = [];
  behaviour: Behaviour = honest;
  /** DER of the certificate that may log in. */
  client: Buffer | undefined;
  /** The token that may log in. */
  token = 'secret-token:of-romeo';
  private listener: Server | undefined;
  private readonly waiting: ((session: RogueSession) => void)[] = [];
  private boundPort = 0;

  constructor(certificates = makeServerCertificates(ROGUE_DOMAIN)) {
    this.certificates = certificates;
  }

  get port(): number {
    return this.boundPort;
  }

  async open(): Promise<void> {
    this.listener = createServer((socket) => this.accept(socket));
    this.listener.listen(this.boundPort, '127.0.0.1');
    await once(this.listener, 'listening');
    this.boundPort = (this.listener.address() as AddressInfo).port;
  }

  /** Behaves honestly but for this. */
  behave(behaviour: Partial<Behaviour>): void {
    this.behaviour = { ...honest, ...behaviour };
  }

  /** The next connection that comes. */
  nextSession(): Promise<RogueSession> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  /** Everything is gone, the port too; `open` brings it back there. */
  async close(): Promise<void> {
    const { listener } = this;
    this.listener = undefined;
    for (const session of this.sessions) session.destroy();
    if (!listener) return;
    listener.close();
    await once(listener, 'close');
  }

  private accept(socket: Socket): void {
    const { behaviour, certificates, client, token } = this;
    const session = new RogueSession(socket, { behaviour, certificates, domain: ROGUE_DOMAIN, password: ROGUE_PASSWORD, client, token });
    this.sessions.push(session);
    this.waiting.shift()?.(session);
    session.run();
  }
}
