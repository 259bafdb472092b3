import { silentLogger } from '../../src/xpmn/kernel/log.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Certificate } from '../../src/xpmn/trust/certificate.ts';
import { issueCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import type { LoginCredentials, XmppConnection } from '../../src/xpmn/ports/xmpp-connection.ts';
import { serverGate } from '../../src/xpmn/xmpp/allow-list.ts';
import { createXmppConnection } from '../../src/xpmn/xmpp/connection.ts';
import { IqRouter } from '../../src/xpmn/xmpp/iq-router.ts';
import { testKey } from '../support/keys.ts';
import { settings } from '../support/settings.ts';

const signal = new AbortController().signal;
const options = { ...settings.xmpp.server, limits: settings.xml.serverStream, backOff: { first: 100, factor: 2, max: 2000 } };

export interface ReachableServer {
  readonly host: string;
  readonly port: number;
  readonly ca: string;
}

/** What a device of ours has: a certificate under its full JID, and the key. */
export interface TestDevice {
  readonly jid: string;
  readonly certificate: Certificate;
  readonly credentials: Extract<LoginCredentials, { kind: 'certificate' }>;
}

/** A device with a certificate as all of ours have it. */
export async function makeDevice(jid: string, key = jid): Promise<TestDevice> {
  const { certificate, privateKey } = issueCredentials({ clock: systemClock, random: systemRandom }, settings.trust, await testKey(key), parseJid(jid), 'A device');
  return { jid, certificate, credentials: { kind: 'certificate', certificate: certificate.pem, privateKey } };
}

/** Connections to one server, and their end. */
export class Logins {
  private readonly server: () => ReachableServer;
  private readonly connections: XmppConnection[] = [];

  constructor(server: () => ReachableServer) {
    this.server = server;
  }

  /** Not started yet. */
  make(jid: string, credentials: LoginCredentials): XmppConnection {
    const { host, port, ca } = this.server();
    const router = new IqRouter({ log: silentLogger, gate: serverGate }, { inProgress: 32, inProgressInAll: 32, idLength: 256 });
    const account = { jid: parseJid(jid), credentials, server: { host, port }, ca };
    const connection = createXmppConnection({ clock: systemClock, random: systemRandom, log: silentLogger, router }, account, options);
    this.connections.push(connection);
    return connection;
  }

  async online(jid: string, credentials: LoginCredentials): Promise<XmppConnection> {
    const connection = this.make(jid, credentials);
    await connection.start({ signal });
    return connection;
  }

  async end(): Promise<void> {
    for (const connection of this.connections.splice(0)) await connection.stop();
  }
}
