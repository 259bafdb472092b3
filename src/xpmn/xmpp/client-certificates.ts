import { XpmnError } from '../kernel/errors.ts';
import { fingerprint } from '../kernel/fingerprint.ts';
import { throwIfAborted } from '../kernel/tasks.ts';
import { bareJid, parseJid, splitJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { queryInfo } from './disco.ts';
import { SASLCERT_0, SASLCERT_1 } from './saslcert-codec.ts';
import type { SaslCertCodec, SaslCertDialect, SaslCertLimits, StoredCertificate } from './saslcert-codec.ts';

type Request = { readonly signal: AbortSignal };

export interface ClientCertificatesOptions extends SaslCertLimits {
  /** Characters of a label; it is cut to that. */
  readonly labelLength: number;
}

export interface AddedCertificate {
  /** For people who look at the list of logins: the device's name. */
  readonly label: string;
  /** DER. It names the account as xmppAddr; a full JID there binds the login to that resource. */
  readonly certificate: Uint8Array;
  /** Whether who logs in by it may add and remove certificates. Not every server keeps to a no. */
  readonly mayManage: boolean;
}

/**
 * The certificates that the server takes for a login to the own account (SASL EXTERNAL). Certificates are told apart by
 * their bytes alone: names and ids are the server's, and not believed.
 *
 * All reject with the server's answer: `not-authorized` or `not-allowed` where this login may not manage certificates,
 * `bad-request` or `not-acceptable` for a certificate it does not want (another account's, an expired one).
 */
export interface ClientCertificates {
  readonly dialect: SaslCertDialect;
  list(options: Request): Promise<readonly StoredCertificate[]>;
  /** It is no failure if the certificate is there already; it stays as it is. */
  add(added: AddedCertificate, options: Request): Promise<void>;
  /** No login by it any more; who is logged in stays so. Resolves to whether it was there. */
  disable(certificate: Uint8Array, options: Request): Promise<boolean>;
  /** As `disable`, and the server ends the sessions that it has opened: for a device that is lost. */
  revoke(certificate: Uint8Array, options: Request): Promise<boolean>;
}

/**
 * The server's certificate management, in the dialect that it speaks; undefined if it has none. What it announces is
 * believed for `:1`; where it announces nothing, it is asked for the list once in each dialect.
 *
 * @spec XEP-0257 v0.3 §4
 * @throws XpmnError `timeout`, `connection-lost`; the signal's reason
 */
export async function findClientCertificates(channel: StanzaChannel, options: ClientCertificatesOptions, { signal }: Request): Promise<ClientCertificates | undefined> {
  const account = bareJid(channel.local);
  for (const jid of [parseJid(splitJid(account).domain), account]) {
    const features = await announcedBy(channel, jid, signal);
    if (features.includes(SASLCERT_1.dialect)) return new ManagedCertificates(channel, SASLCERT_1, options);
  }
  // `:0` was also the namespace of another shape: only a list shows that it is ours.
  for (const codec of [SASLCERT_1, SASLCERT_0]) {
    if (await hasList(channel, codec, signal)) return new ManagedCertificates(channel, codec, options);
  }
  return undefined;
}

async function announcedBy(channel: StanzaChannel, to: Jid, signal: AbortSignal): Promise<readonly string[]> {
  try {
    return (await queryInfo(channel, to, { signal })).features;
  } catch (error) {
    return onlyRefused(error, signal, []);
  }
}

async function hasList(channel: StanzaChannel, codec: SaslCertCodec, signal: AbortSignal): Promise<boolean> {
  try {
    return codec.findList(await channel.request({ type: 'get', payload: codec.formatList() }, { signal })) !== undefined;
  } catch (error) {
    return onlyRefused(error, signal, false);
  }
}

/** A no, or nonsense, means that it is not there; that nobody answered means nothing. */
function onlyRefused<T>(error: unknown, signal: AbortSignal, otherwise: T): T {
  throwIfAborted(signal);
  if (!(error instanceof XpmnError) || error.family === 'unreachable') throw error;
  return otherwise;
}

/** The name of a certificate among all of the account: `<label> (<first 8 of its SHA-256>)`. */
export function certificateName(label: string, certificate: Uint8Array, { labelLength }: Pick<ClientCertificatesOptions, 'labelLength'>): string {
  const line = label.replace(/[\p{C}\p{Z}]+/gu, ' ').trim();
  return `${[...line].slice(0, labelLength).join('').trim()} ${mark(certificate)}`.trim();
}

function mark(certificate: Uint8Array): string {
  return `(${fingerprint('sha256', certificate).slice(0, 8)})`;
}

class ManagedCertificates implements ClientCertificates {
  private readonly channel: StanzaChannel;
  private readonly codec: SaslCertCodec;
  private readonly options: ClientCertificatesOptions;

  constructor(channel: StanzaChannel, codec: SaslCertCodec, options: ClientCertificatesOptions) {
    this.channel = channel;
    this.codec = codec;
    this.options = options;
  }

  get dialect(): SaslCertDialect {
    return this.codec.dialect;
  }

  async list({ signal }: Request): Promise<readonly StoredCertificate[]> {
    const result = await this.channel.request({ type: 'get', payload: this.codec.formatList() }, { signal });
    const payload = this.codec.findList(result);
    return payload ? this.codec.parseList(payload, this.options) : [];
  }

  async add({ label, certificate, mayManage }: AddedCertificate, { signal }: Request): Promise<void> {
    // `:1` refuses a second one of the name, `:0` would keep both.
    if (await this.has(certificate, signal)) return;
    const name = certificateName(label, certificate, this.options);
    await this.channel.request({ type: 'set', payload: this.codec.formatAdd({ name, certificate, mayManage }) }, { signal });
  }

  disable(certificate: Uint8Array, options: Request): Promise<boolean> {
    return this.remove(certificate, 'disable', options);
  }

  revoke(certificate: Uint8Array, options: Request): Promise<boolean> {
    return this.remove(certificate, 'revoke', options);
  }

  private async has(certificate: Uint8Array, signal: AbortSignal): Promise<boolean> {
    // Who may not list may be allowed to add.
    const stored = await this.list({ signal }).catch((error: unknown) => onlyRefused(error, signal, []));
    return stored.some((one) => one.certificate?.equals(certificate));
  }

  private async remove(certificate: Uint8Array, how: 'disable' | 'revoke', { signal }: Request): Promise<boolean> {
    const found = (await this.list({ signal })).filter((one) => one.certificate?.equals(certificate) ?? one.name.endsWith(mark(certificate)));
    for (const { id } of found) {
      try {
        await this.channel.request({ type: 'set', payload: this.codec.formatRemove(id, how) }, { signal });
      } catch (error) {
        // Somebody else was quicker.
        if (!(error instanceof XpmnError && error.code === 'not-found')) throw error;
      }
    }
    return found.length > 0;
  }
}
