import { XpmnError } from '../kernel/errors.ts';
import type { Random } from '../kernel/clock.ts';
import { randomUuid } from '../kernel/ids.ts';
import type { Storage } from '../ports/storage.ts';
import type { LoginToken } from '../ports/xmpp-connection.ts';
import { fingerprint } from '../kernel/fingerprint.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';
import type { CertificateState, TokenState } from '../xmpp/login-choice.ts';

/** How far one device has come at the server. What is of the account, its password, is not here. */
export interface LoginRecord {
  readonly certificate: Exclude<CertificateState, 'none'>;
  readonly token: TokenState;
  /** A secret; there while `token` is given or proven. */
  readonly issued?: LoginToken | undefined;
  /** Names this device to a server that gives tokens: a UUID, the same for ever. */
  readonly clientId: string;
  /** What the server said the last time that it was asked whether it takes certificates. */
  readonly takesCertificates?: boolean | undefined;
}

export type LoginSubject = Pick<DeviceCredentials, 'key' | 'certificate'>;

const FOLDER = 'login/';
const CERTIFICATES: readonly string[] = ['made', 'added', 'proven', 'refused'] satisfies CertificateState[];
const TOKENS: readonly string[] = ['none', 'given', 'proven', 'refused'] satisfies TokenState[];

/** The records of all devices of this installation, one document each: they hold tokens, and no key. */
export class LoginRecords {
  private readonly storage: Storage;
  private readonly random: Random;

  constructor({ storage, random }: { readonly storage: Storage; readonly random: Random }) {
    this.storage = storage;
    this.random = random;
  }

  /**
   * The device's record, as it was saved; a new one for a new certificate, whose JID or account is another. One that can't
   * be read says nothing of whether the certificate was revoked: it counts as refused, and is not added by itself.
   * @throws XpmnError `storage-failed`
   */
  async load(device: LoginSubject): Promise<LoginRecord> {
    const document = await this.storage.get(nameOf(device));
    if (!document) return this.fresh('made');
    const found = parse(document);
    if (!found) return this.unknown();
    if (found.of !== markOf(device)) return { ...this.fresh('made'), clientId: found.record.clientId };
    return found.record;
  }

  /** Of a device whose record can't be had. */
  unknown(): LoginRecord {
    return this.fresh('refused');
  }

  /** Durable when it resolves. @throws XpmnError `storage-failed` */
  save(device: LoginSubject, record: LoginRecord): Promise<void> {
    return this.storage.put(nameOf(device), Buffer.from(JSON.stringify({ version: 1, of: markOf(device), ...record })));
  }

  /** All begins anew: the owner has given the password. @throws XpmnError `storage-failed` */
  async clear(): Promise<void> {
    for (const name of await this.storage.list(FOLDER)) await this.storage.delete(name);
  }

  private fresh(certificate: LoginRecord['certificate']): LoginRecord {
    return { certificate, token: 'none', clientId: randomUuid(this.random) };
  }
}

function nameOf({ key }: LoginSubject): string {
  return `${FOLDER}${key}`;
}

/** Everything else may stay the same when a device moves to another account. */
function markOf({ certificate }: LoginSubject): string {
  return fingerprint('sha256', certificate.der);
}

function parse(document: Buffer): { readonly of: string; readonly record: LoginRecord } | undefined {
  try {
    const { of, certificate, token, issued, clientId, takesCertificates } = JSON.parse(document.toString('utf8')) as Record<string, unknown>;
    if (typeof of !== 'string' || typeof clientId !== 'string' || !CERTIFICATES.includes(String(certificate)) || !TOKENS.includes(String(token))) return undefined;
    const read = issued === undefined ? undefined : readToken(issued);
    const isThere = read !== undefined;
    return {
      of,
      record: {
        certificate: certificate as LoginRecord['certificate'],
        token: isThere || token === 'refused' ? (token as TokenState) : 'none',
        ...(isThere ? { issued: read } : {}),
        clientId,
        ...(typeof takesCertificates === 'boolean' ? { takesCertificates } : {}),
      },
    };
  } catch {
    return undefined;
  }
}

function readToken(issued: unknown): LoginToken {
  const { token, mechanism, expires } = issued as Record<string, unknown>;
  if (typeof token !== 'string' || mechanism !== 'HT-SHA-256-NONE' || typeof expires !== 'number') throw new XpmnError('storage-failed', 'That is no token.');
  return { token, mechanism, expires };
}
