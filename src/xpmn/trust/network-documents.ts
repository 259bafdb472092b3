import { createHash } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { asXpmnError, XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { parseJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { Storage } from '../ports/storage.ts';
import { certificateFromPem, readCertificate } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { readCredentials } from './device-credentials.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { privateKeyFromPem, privateKeyPem } from './keys.ts';
import type { StoredUserKey } from './user-key.ts';

/** This installation: which network it belongs to, and as what. */
export interface NetworkRecord {
  readonly network: KeyName;
  readonly userCertificate: Certificate;
  /** The friendly name of this gateway. */
  readonly name: string;
  readonly device: DeviceCredentials;
}

/** A bridged device: `id` is the adapter's name for it, the same for ever. */
export interface HostedRecord {
  readonly id: string;
  readonly name: string;
  readonly device: DeviceCredentials;
  readonly aliases: readonly Jid[];
}

const EVERYTHING = 'trust/';
const NETWORK = 'trust/network';
const USER_KEY = 'trust/keys/user';
const SEALED_USER_KEY = 'trust/keys/user-sealed';
const DEVICE_KEY = 'trust/keys/device';
const HOSTED = 'trust/hosted/';
const HOSTED_KEYS = 'trust/keys/hosted-';

/**
 * The documents of an installation. Keys are PKCS#8 PEM, one a document, and are stored before the JSON that speaks of
 * them, which is what makes them count: a crash in between leaves a key that nobody knows.
 */
export class NetworkDocuments {
  private readonly storage: Storage;

  constructor(storage: Storage) {
    this.storage = storage;
  }

  /** Where there is no installation yet, nor anything left of one. @throws XpmnError `already-initialised`, `storage-failed` */
  static async empty(storage: Storage): Promise<NetworkDocuments> {
    const documents = new NetworkDocuments(storage);
    if (await documents.load()) throw new XpmnError('already-initialised', 'There is a media network here already.');
    await documents.clear();
    return documents;
  }

  /** @throws XpmnError `storage-failed` */
  async load(): Promise<NetworkRecord | undefined> {
    const json = await this.json(NETWORK);
    if (!json) return undefined;
    return this.reading(NETWORK, async () => {
      const userCertificate = certificateFromPem(textIn(json, 'userCertificate'));
      const network = readCertificate(userCertificate.der).key;
      return { network, userCertificate, name: textIn(json, 'name'), device: await this.credentials(json, DEVICE_KEY) };
    });
  }

  async save(record: NetworkRecord): Promise<void> {
    const { userCertificate, name, device } = record;
    await this.putText(DEVICE_KEY, device.privateKey);
    await this.putJson(NETWORK, { name, jid: device.jid, certificate: device.certificate.pem, userCertificate: userCertificate.pem });
  }

  /** From here on there is no installation; what is left of it counts for nothing. */
  forget(): Promise<void> {
    return this.storage.delete(NETWORK);
  }

  /**
   * The user key; only the management device has it. While it lies there as it is, it has no password, whatever else is
   * there: a crash while it gets or loses one changes nothing, or leaves a sealed copy that nobody needs.
   */
  async loadUserKey(): Promise<StoredUserKey | undefined> {
    const pem = await this.storage.get(USER_KEY);
    if (pem) return this.reading(USER_KEY, () => Promise.resolve({ key: privateKeyFromPem(pem.toString('utf8')) }));
    const sealed = await this.storage.get(SEALED_USER_KEY);
    return sealed && { sealed };
  }

  /** As it is, without a password. */
  async saveUserKey(key: KeyObject): Promise<void> {
    await this.putText(USER_KEY, privateKeyPem(key));
    await this.storage.delete(SEALED_USER_KEY);
  }

  /** Counts only when the plain one is deleted. */
  saveSealedUserKey(sealed: Buffer): Promise<void> {
    return this.storage.put(SEALED_USER_KEY, sealed);
  }

  deletePlainUserKey(): Promise<void> {
    return this.storage.delete(USER_KEY);
  }

  /** The one that counts goes last: a crash in between leaves the key as it was. */
  async deleteUserKey(): Promise<void> {
    await this.storage.delete(SEALED_USER_KEY);
    await this.deletePlainUserKey();
  }

  /** Deletes what an installation that never came to be may have left: its lists must not turn up in the next one, nor its user key. */
  async clear(): Promise<void> {
    for (const name of await this.storage.list(EVERYTHING)) await this.storage.delete(name);
  }

  async loadHosted(): Promise<HostedRecord[]> {
    const records: HostedRecord[] = [];
    for (const name of await this.storage.list(HOSTED)) {
      const json = await this.json(name);
      if (!json) continue;
      records.push(await this.reading(name, async () => ({
        id: textIn(json, 'id'), name: textIn(json, 'name'),
        device: await this.credentials(json, `${HOSTED_KEYS}${name.slice(HOSTED.length)}`),
        aliases: aliasesIn(json),
      })));
    }
    return records;
  }

  async saveHosted({ id, name, device, aliases }: HostedRecord): Promise<void> {
    await this.putText(`${HOSTED_KEYS}${hashOf(id)}`, device.privateKey);
    await this.putJson(`${HOSTED}${hashOf(id)}`, { id, name, jid: device.jid, certificate: device.certificate.pem, aliases });
  }

  async deleteHosted(id: string): Promise<void> {
    await this.storage.delete(`${HOSTED}${hashOf(id)}`);
    await this.storage.delete(`${HOSTED_KEYS}${hashOf(id)}`);
  }

  private async credentials(json: Readonly<Record<string, unknown>>, keyDocument: string): Promise<DeviceCredentials> {
    const pem = await this.storage.get(keyDocument);
    if (!pem) throw new XpmnError('not-found', 'The key is gone.');
    return readCredentials({ jid: textIn(json, 'jid'), privateKey: pem.toString('utf8'), certificate: textIn(json, 'certificate') });
  }

  private async json(name: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const content = await this.storage.get(name);
    return content && this.reading(name, async () => {
      const json = JSON.parse(content.toString('utf8')) as unknown;
      if (typeof json !== 'object' || json === null || (json as { version?: unknown }).version !== 1) throw new XpmnError('not-supported', 'It has an unknown version.');
      return json as Readonly<Record<string, unknown>>;
    });
  }

  private putJson(name: string, json: object): Promise<void> {
    return this.putText(name, JSON.stringify({ version: 1, ...json }));
  }

  private putText(name: string, text: string): Promise<void> {
    return this.storage.put(name, Buffer.from(text));
  }

  private async reading<T>(name: string, read: () => Promise<T>): Promise<T> {
    try {
      return await read();
    } catch (error) {
      const cause = asXpmnError(error, 'malformed', 'It is not what it should be.');
      throw cause.code === 'storage-failed' ? cause : new XpmnError('storage-failed', `The stored document ${name} is damaged: ${cause.message}`, { cause });
    }
  }
}

function hashOf(id: string): string {
  return createHash('sha256').update(id).digest('hex').slice(0, 32);
}

function textIn(json: Readonly<Record<string, unknown>>, name: string): string {
  const value = json[name];
  if (typeof value !== 'string') throw new XpmnError('malformed', `It has no '${name}'.`);
  return value;
}

function aliasesIn({ aliases }: Readonly<Record<string, unknown>>): Jid[] {
  if (!Array.isArray(aliases)) throw new XpmnError('malformed', "It has no 'aliases'.");
  return aliases.map((alias) => parseJid(String(alias)));
}
