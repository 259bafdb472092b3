import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { waitUntil } from './wait.ts';

/** A client of a few lines that shares no code with the gateway: it shows what a server does by itself. */
export class XmppProbe {
  readonly jid: string;
  private readonly socket: Socket;
  private text = '';

  private constructor(socket: Socket, jid: string) {
    this.socket = socket;
    this.jid = jid;
    socket.on('data', (chunk: Buffer) => {
      this.text += chunk.toString('utf8');
    });
    socket.on('error', () => undefined);
  }

  /** STARTTLS verified against `ca`, SCRAM-SHA-1 (RFC 5802), resource binding, initial presence. */
  static async login(
    server: { readonly domain: string; readonly host: string; readonly port: number; readonly ca: string },
    local: string,
    password: string,
  ): Promise<XmppProbe> {
    const { domain, ca } = server;
    const header = `<stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`;
    const raw = connectTcp(server.port, server.host);
    await once(raw, 'connect');
    const plain = new XmppProbe(raw, domain);
    await plain.ask(header, /<\/stream:features>/);
    await plain.ask("<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>", /<proceed/);
    raw.removeAllListeners('data');
    const secure = connectTls({ socket: raw, servername: domain, ca });
    await once(secure, 'secureConnect');
    const probe = new XmppProbe(secure, `${local}@${domain}/probe`);
    const features = await probe.ask(header, /<\/stream:features>/);
    if (!features.includes('<mechanism>SCRAM-SHA-1</mechanism>')) throw new Error(`no SCRAM-SHA-1: ${features}`);
    await probe.authenticate(local, password);
    await probe.ask(header, /<\/stream:features>/);
    const bind = "<iq id='bind' type='set'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>probe</resource></bind></iq>";
    await probe.ask(bind, /<iq [^>]*id='bind'.*<\/iq>/);
    await probe.ask('<presence/>', /<presence [^>]*from=/);
    return probe;
  }

  /** Sends text and waits for a match in what arrives from now on. */
  async ask(text: string, pattern: RegExp): Promise<string> {
    this.text = '';
    this.socket.write(text);
    const match = await waitUntil(`answer ${String(pattern)} to ${text.slice(0, 200)}`, () => pattern.exec(this.text));
    return this.text.slice(0, match.index + match[0].length);
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return;
    const closed = once(this.socket, 'close');
    this.socket.end('</stream:stream>');
    await closed;
  }

  private async authenticate(local: string, password: string): Promise<void> {
    const nonce = randomBytes(18).toString('base64');
    const first = `n=${local},r=${nonce}`;
    const auth = `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='SCRAM-SHA-1'>${base64(`n,,${first}`)}</auth>`;
    const challenge = content(await this.ask(auth, /<challenge[^>]*>[^<]*<\/challenge>/));
    const { r = '', s = '', i = '' } = Object.fromEntries(challenge.split(',').map((part) => [part[0], part.slice(2)]));
    const salted = pbkdf2Sync(password, Buffer.from(s, 'base64'), Number(i), 20, 'sha1');
    const hmac = (key: Buffer, text: string) => createHmac('sha1', key).update(text).digest();
    const clientKey = hmac(salted, 'Client Key');
    const bare = `c=biws,r=${r}`;
    const message = `${first},${challenge},${bare}`;
    const signature = hmac(createHash('sha1').update(clientKey).digest(), message);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] ?? 0))).toString('base64');
    const response = `<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>${base64(`${bare},p=${proof}`)}</response>`;
    const verdict = content(await this.ask(response, /<(success|failure)[^>]*>.*<\/\1>/));
    const expected = `v=${hmac(hmac(salted, 'Server Key'), message).toString('base64')}`;
    if (verdict !== expected) throw new Error(`login refused, or not the server that knows the password: ${verdict}`);
  }
}

const base64 = (text: string) => Buffer.from(text).toString('base64');

function content(xml: string): string {
  return Buffer.from(/>([^<]*)<\/\w+>$/.exec(xml)?.[1] ?? '', 'base64').toString('utf8');
}
