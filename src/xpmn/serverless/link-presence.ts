import type { KeyName } from '../model/identity.ts';
import { resourceOf, tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { Caps } from '../xmpp/caps.ts';

/** What a device says of itself on the local link. Of others, none of it is proven. */
export interface LinkPresence {
  /** Of a device of ours its full JID; others say a bare one, or several. */
  readonly jids: readonly Jid[];
  /** The network id. */
  readonly network: KeyName | undefined;
  readonly caps: Caps | undefined;
  /** For people. */
  readonly name: string | undefined;
  /** As in OwnPresence, or anything else. */
  readonly pairing: string | undefined;
}

/** What a device of ours says. */
export interface OwnPresence {
  readonly jid: Jid;
  readonly caps?: Caps | undefined;
  /** For people. */
  readonly name?: string | undefined;
  /** Of a gateway: whether a device can be paired with it now, by a PIN; or that its button was pressed, and what it is (`Presser.says`). */
  readonly pairing?: 'open' | 'closed' | 'button' | 'looking' | 'crowded' | 'in-use' | undefined;
}

type Txt = Readonly<Record<string, string>>;

/** A TXT record names so many at most; its strings are short. */
const MAX_JIDS = 4;
/** Bytes of a DNS label (RFC 1035 §2.3.4). */
const MAX_LABEL = 63;
/** Bytes of a name: a string of a TXT record has 255 with its key. */
const MAX_NAME = 200;

/**
 * The TXT record of one of our devices, in the order in which it is sent.
 *
 * @spec XEP-0174 v2.0.1 §3.1, §10
 */
export function formatPresence({ jid, network, caps, name, pairing }: OwnPresence & { readonly network: KeyName }): Txt {
  return { txtvers: '1', jid, net: network, ...caps, status: 'avail', ...(name !== undefined && { nick: cut(name, MAX_NAME) }), ...(pairing !== undefined && { pair: pairing }) };
}

/** Reads anybody's; undefined if it names nobody. Keys are in lower case. */
export function parsePresence(txt: Txt): LinkPresence | undefined {
  const { jid = '', net = '', node, hash, ver, nick, pair } = txt;
  // A bare domain is nobody.
  const named = jid.split(' ').slice(0, MAX_JIDS).flatMap((text) => (text.includes('@') ? (tryJid(text) ?? []) : []));
  if (named.length === 0) return undefined;
  return {
    jids: [...new Set(named)],
    network: /^[0-9a-f]{64}$/.test(net) ? (net as KeyName) : undefined,
    caps: node && hash && ver ? { node, hash, ver } : undefined,
    name: nick,
    pairing: pair,
  };
}

/** The label of a device's instance: `living-room-tv-k3fq@nas`. `host` is this machine's name; where both are too long, it is cut. */
export function instanceLabel(jid: Jid, host: string): string {
  return cut(`${cut(resourceOf(jid), MAX_LABEL - 2)}@${host}`, MAX_LABEL);
}

/** As many whole characters as fit. */
function cut(text: string, bytes: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > bytes) break;
    kept += character;
  }
  return kept;
}
