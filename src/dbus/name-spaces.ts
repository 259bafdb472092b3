/** Names that are watched together: those below `prefix`, by what is before their last dots. */
interface Watch {
  readonly prefix: string;
  /** What the listener was told: owners by name. */
  readonly told: Map<string, string>;
}

type Listener = (name: string, owner: string | undefined) => void;

/** Who owns names that nobody could list beforehand, as far as the bus has said. */
export class NameSpaces {
  private readonly limit: number;
  private readonly watches = new Map<Listener, Watch>();
  /** How many want each prefix. */
  private readonly uses = new Map<string, number>();

  /** @param limit names below one prefix; those that come later are not told */
  constructor(limit: number) {
    this.limit = limit;
  }

  watch(prefix: string, listener: Listener): void {
    this.watches.set(listener, { prefix, told: new Map() });
    this.uses.set(prefix, (this.uses.get(prefix) ?? 0) + 1);
  }

  unwatch(listener: Listener): void {
    const prefix = this.watches.get(listener)?.prefix;
    if (prefix === undefined || !this.watches.delete(listener)) return;
    const uses = (this.uses.get(prefix) ?? 0) - 1;
    if (uses > 0) this.uses.set(prefix, uses);
    else this.uses.delete(prefix);
  }

  prefixes(): readonly string[] {
    return [...this.uses.keys()];
  }

  /** Of these names, those below the prefix. */
  below(prefix: string, names: unknown): readonly string[] {
    if (!Array.isArray(names)) return [];
    return names.filter((name): name is string => typeof name === 'string' && isBelow(name, prefix)).slice(0, this.limit);
  }

  set(name: string, owner: string | undefined): void {
    for (const [listener, { prefix, told }] of [...this.watches]) {
      if (!isBelow(name, prefix) || told.get(name) === owner || !this.watches.has(listener)) continue;
      if (owner === undefined) told.delete(name);
      else if (told.size < this.limit || told.has(name)) told.set(name, owner);
      else continue;
      listener(name, owner);
    }
  }

  /** The bus is gone, or can't be reached. */
  reset(): void {
    const names = new Set([...this.watches.values()].flatMap(({ told }) => [...told.keys()]));
    for (const name of names) this.set(name, undefined);
  }
}

function isBelow(name: string, prefix: string): boolean {
  return name.startsWith(`${prefix}.`);
}
