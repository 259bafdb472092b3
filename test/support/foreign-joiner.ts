import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { fingerprintOf } from '../../src/xpmn/jingle/security/tls.ts';
import { systemClock, systemRandom } from '../../src/xpmn/kernel/system.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { Jid } from '../../src/xpmn/model/jid.ts';
import { serialise } from '../../src/xpmn/model/xml.ts';
import { issueCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import type { DeviceCredentials } from '../../src/xpmn/trust/device-credentials.ts';
import { formatKeyInfo } from '../../src/xpmn/trust/keyinfo.ts';
import { testKey } from './keys.ts';
import { lines } from './serverless-play.ts';
import { settings } from './settings.ts';

/** A device of another make: a certificate with its JID, and nothing that lists know. */
export async function foreignDevice(name: string, jid = `${name}@montague.test/phone`): Promise<DeviceCredentials> {
  return issueCredentials({ clock: systemClock, random: systemRandom }, settings.trust, await testKey(`foreign ${name}`), parseJid(jid), name);
}

/** Text that comes and goes, over whatever there is. */
export interface Talk {
  say(text: string): void;
  /** What comes that matches, as soon as it has come. */
  heard(pattern: RegExp): Promise<RegExpExecArray>;
}

export function talkOn(stream: Duplex): Talk {
  let all = '';
  stream.on('error', () => undefined).on('data', (bytes: Buffer) => (all += bytes.toString()));
  return {
    say: (text) => void stream.write(text),
    heard: (pattern) => new Promise((resolve, reject) => {
      const over = (): void => void stream.off('data', look).off('close', gone);
      const gone = (): void => (over(), reject(new Error(`no ${pattern} in all that was said: ${all}`)));
      const look = (): void => {
        const found = pattern.exec(all);
        if (found) resolve((over(), found));
        else if (stream.closed) gone();
      };
      stream.on('data', look).on('close', gone);
      look();
    }),
  };
}

export interface Call {
  readonly port: number;
  readonly from: Jid;
  readonly to: Jid;
  /** Inside its `<starttls/>`: which certificate it announces, and which methods. */
  readonly offer: string;
}

export interface Answered {
  /** Where TLS begins, if there is a method; nothing is read from it. */
  readonly socket: Socket;
  /** What was offered to the caller, in order. */
  readonly offered: readonly string[];
  /** The method that was decided for; undefined: none. */
  readonly method: string | undefined;
}

export const offerOf = (methods: readonly string[], announced?: string): string =>
  lines.security(methods, announced === undefined ? '' : `<fingerprint algo='sha1'>${announced}</fingerprint>`);

/** As XEP-0250 has it. */
export const oldOfferOf = (announced: string): string =>
  `<offer xmlns='urn:xmpp:tmp:c2ctls'><keyinfo xmlns='urn:xmpp:tmp:pubkey'><name>${announced}</name></keyinfo><srp/></offer>`;

export const announcedBy = ({ certificate }: DeviceCredentials): string => fingerprintOf(certificate.der);

/** Calls a device on the link, by hand, up to where TLS begins or it is clear that it won't. */
export async function callByHand({ port, from, to, offer }: Call): Promise<Answered> {
  const socket = connect({ host: '127.0.0.1', port });
  const talk = talkOn(socket);
  talk.say(lines.header(`from='${from}' to='${to}' version='1.0'`));
  const [features] = await talk.heard(/<features[^>]*\/>|<features.*?<\/features>/s);
  const offered = [...features.matchAll(/<method name='([^']+)'/g)].map(([, name]) => name as string);
  if (offered.length === 0) return { socket: await hungUp(socket), offered, method: undefined };
  talk.say(lines.starttls(offer));
  const [decision] = await talk.heard(/<proceed.*?<\/proceed>|<failure[^>]*>/s);
  const method = /<method name='([^']+)'/.exec(decision)?.[1];
  if (method === undefined) return { socket: await hungUp(socket), offered, method };
  socket.removeAllListeners('data').pause();
  return { socket, offered, method };
}

async function hungUp(socket: Socket): Promise<Socket> {
  const closed = socket.closed || once(socket, 'close');
  socket.destroy();
  await closed;
  return socket;
}

export interface Joining {
  readonly from: Jid;
  readonly to: Jid;
  /** What it answers, when asked for its certificates. */
  readonly shows: readonly Buffer[];
}

/** Wants to join, on a stream that the PIN has proven, as a program does that writes XML by hand. Resolves to the answer. */
export async function joinByHand(talk: Talk, { from, to, shows }: Joining): Promise<string> {
  talk.say(`${lines.header(`from='${from}' to='${to}' version='1.0'`)}\n`);
  await talk.heard(/features/);
  talk.say("<iq type='set' id='join'><join xmlns='urn:xmpp:xpmn:pairing:0' name='Kaa' roles='host'/></iq>\n");
  const [said, id] = await talk.heard(/<iq [^>]*id='([^']+)'[^>]*>(<pubkeys xmlns='urn:xmpp:pubkey:0'\/>|<error)/);
  if (!said.includes('<error')) {
    const keys = shows.map((certificate) => serialise(formatKeyInfo({ certificate, signatures: [] })));
    talk.say(`<iq type='result' id='${id}'><pubkeys xmlns='urn:xmpp:pubkey:0'>${keys.join('')}</pubkeys></iq>\n`);
  }
  const [answer] = await talk.heard(/<iq [^>]*id='join'[^>]*>.*?<\/iq>/s);
  return answer;
}
