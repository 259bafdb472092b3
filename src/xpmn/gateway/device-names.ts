import { isDeepStrictEqual } from 'node:util';
import { tryJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import type { Storage } from '../ports/storage.ts';

export interface DeviceNamesOptions {
  /** Characters of a name that are remembered. */
  readonly nameLength: number;
}

const DOCUMENT = 'device-names';

/** What devices were called when they were there last: one that is off keeps its name, also over a restart. */
export class DeviceNames {
  private readonly storage: Storage;
  private readonly options: DeviceNamesOptions;
  private known: ReadonlyMap<Jid, string> = new Map();
  private isDue = false;
  private isWriting = false;

  constructor(storage: Storage, options: DeviceNamesOptions) {
    [this.storage, this.options] = [storage, options];
  }

  /** What was stored; nothing, if that can't be read: names come again. */
  async load(): Promise<void> {
    this.known = parse(await this.storage.get(DOCUMENT).catch(() => undefined));
  }

  of(jid: Jid): string | undefined {
    return this.known.get(jid);
  }

  /** All devices that there are, with what they are called now, as far as that is known; of others, nothing is kept. Resolves when it is stored. @throws XpmnError `storage-failed` */
  async learn(devices: readonly { readonly jid: Jid; readonly name: string | undefined }[]): Promise<void> {
    const names = new Map(devices.flatMap(({ jid, name }) => {
      const last = name?.slice(0, this.options.nameLength) ?? this.known.get(jid);
      return last === undefined ? [] : [[jid, last] as const];
    }));
    if (isDeepStrictEqual(names, this.known)) return;
    this.known = names;
    await this.store();
  }

  /** What is learnt while it is being written is written afterwards, at once. */
  private async store(): Promise<void> {
    this.isDue = true;
    if (this.isWriting) return;
    this.isWriting = true;
    try {
      while (this.isDue) {
        this.isDue = false;
        await this.storage.put(DOCUMENT, Buffer.from(JSON.stringify({ version: 1, names: [...this.known] })));
      }
    } finally {
      this.isWriting = false;
    }
  }
}

function parse(document: Buffer | undefined): ReadonlyMap<Jid, string> {
  try {
    const { names } = JSON.parse(document?.toString('utf8') ?? '{"names": []}') as { readonly names: readonly (readonly [unknown, unknown])[] };
    return new Map(names.flatMap(([text, name]) => {
      const jid = tryJid(String(text));
      return jid && typeof name === 'string' ? [[jid, name] as const] : [];
    }));
  } catch {
    return new Map();
  }
}
