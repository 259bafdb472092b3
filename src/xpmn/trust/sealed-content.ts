import { XpmnError } from '../kernel/errors.ts';
import type { KeyName } from '../model/identity.ts';
import { isFullJid, parseJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { parseXml } from '../model/xml-parser.ts';
import type { XmlLimits } from '../model/xml-parser.ts';
import type { XmlElement } from '../model/xml.ts';
import { certificateFromPem } from './certificate.ts';
import type { Certificate } from './certificate.ts';
import { tryKeyName } from './keys.ts';

/** How a network gets into its account; without one, the account is the name of the local-only network. */
export interface CarriedLogin {
  /** Bare JID. */
  readonly account: Jid;
  readonly password?: string | undefined;
  /** The device's certificate is on the account: it logs in by that. */
  readonly isLetIn?: boolean | undefined;
  readonly server?: { readonly host: string; readonly port: number } | undefined;
  /** PEM certificates to trust for the server. */
  readonly ca?: string | undefined;
}

/**
 * The JSON document inside a sealed file, read field by field. Whoever knows the password wrote it; still nothing is taken
 * that is not of the right kind. All methods throw `malformed`, and show nothing of what they read.
 */
export class SealedContent {
  private readonly file: string;
  private readonly json: Readonly<Record<string, unknown>>;

  private constructor(file: string, json: unknown) {
    if (typeof json !== 'object' || json === null) throw new XpmnError('malformed', `The ${file} has no proper content.`);
    this.file = file;
    this.json = json as Readonly<Record<string, unknown>>;
  }

  /** `file` is what it is called in messages. */
  static parse(file: string, text: string): SealedContent {
    let json: unknown;
    try {
      json = JSON.parse(text);
    } catch {
      throw new XpmnError('malformed', `The ${file} has no proper content.`);
    }
    return new SealedContent(file, json);
  }

  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) throw this.malformed(name);
    return value;
  }

  optionalText(name: string): string | undefined {
    const value = this.json[name];
    if (value !== undefined && typeof value !== 'string') throw this.malformed(name);
    return value;
  }

  object(name: string): SealedContent {
    return new SealedContent(this.file, this.json[name]);
  }

  objects(name: string, atMost: number): SealedContent[] {
    return this.array(name, atMost).map((value) => new SealedContent(this.file, value));
  }

  key(name: string): KeyName {
    const key = tryKeyName(this.text(name));
    if (!key) throw this.malformed(name);
    return key;
  }

  keys(name: string, atMost: number): KeyName[] {
    return this.array(name, atMost).map((value) => {
      const key = typeof value === 'string' ? tryKeyName(value) : undefined;
      if (!key) throw this.malformed(name);
      return key;
    });
  }

  certificate(name: string): Certificate {
    return certificateFromPem(this.text(name));
  }

  /** `<signed/>` lists as they are; nothing of them is verified. */
  lists(name: string, { xml }: { readonly xml: XmlLimits }, atMost: number): XmlElement[] {
    return this.array(name, atMost).map((value) => {
      if (typeof value !== 'string') throw this.malformed(name);
      return parseXml(value, { ...xml, bytes: 2 * xml.bytes });
    });
  }

  login(): CarriedLogin {
    const account = parseJid(this.text('account'));
    if (isFullJid(account)) throw this.malformed('account');
    return { account, password: this.optionalText('password'), ...(this.optionalText('login') === 'certificate' ? { isLetIn: true } : {}), server: this.server(), ca: this.optionalText('ca') };
  }

  malformed(name: string): XpmnError {
    return new XpmnError('malformed', `The ${this.file} has no proper '${name}'.`);
  }

  private server(): CarriedLogin['server'] {
    if (this.json['server'] === undefined) return undefined;
    const server = this.object('server');
    const { port } = server.json;
    if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65535) throw this.malformed('server');
    return { host: server.text('host'), port };
  }

  private array(name: string, atMost: number): readonly unknown[] {
    const value = this.json[name];
    if (!Array.isArray(value) || value.length > atMost) throw this.malformed(name);
    return value;
  }
}
