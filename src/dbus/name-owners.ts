import { BUS } from './bus-connection.ts';

interface Known {
  owner: string | undefined;
  /** Whether the bus has said anything of it. */
  isKnown: boolean;
  uses: number;
}

/** A unique name is its own owner for ever, and so is the bus. */
export function hasFixedOwner(name: string): boolean {
  return name.startsWith(':') || name === BUS;
}

type Watcher = (owner: string | undefined) => void;

/** Who owns the names of interest, as far as the bus has said. */
export class NameOwners {
  private readonly known = new Map<string, Known>();
  private readonly watchers = new Map<Watcher, { readonly name: string; told: string | undefined; isTold: boolean }>();

  /** One more is interested in a name; tells whether it is the first. */
  use(name: string): boolean {
    const known = this.known.get(name) ?? { owner: undefined, isKnown: false, uses: 0 };
    known.uses += 1;
    this.known.set(name, known);
    return known.uses === 1;
  }

  /** One fewer; tells whether it was the last. */
  leave(name: string): boolean {
    const known = this.known.get(name);
    if (!known) return false;
    known.uses -= 1;
    if (known.uses === 0) this.known.delete(name);
    return known.uses === 0;
  }

  names(): readonly string[] {
    return [...this.known.keys()];
  }

  /** Whether a message is from who owns the name. */
  isFrom(sender: string, name: string): boolean {
    return hasFixedOwner(name) ? sender === name : sender !== '' && this.known.get(name)?.owner === sender;
  }

  set(name: string, owner: string | undefined): void {
    const known = this.known.get(name);
    if (!known) return;
    Object.assign(known, { owner, isKnown: true });
    this.tell();
  }

  /** The bus is gone, or can't be reached. */
  reset(): void {
    for (const known of this.known.values()) Object.assign(known, { owner: undefined, isKnown: true });
    this.tell();
  }

  watch(name: string, watcher: Watcher): void {
    this.watchers.set(watcher, { name, told: undefined, isTold: false });
  }

  unwatch(watcher: Watcher): void {
    this.watchers.delete(watcher);
  }

  /** Tells every watcher what it does not know yet. */
  tell(): void {
    for (const [watcher, state] of [...this.watchers]) {
      const known = this.known.get(state.name);
      if (!known?.isKnown || !this.watchers.has(watcher) || (state.isTold && state.told === known.owner)) continue;
      Object.assign(state, { told: known.owner, isTold: true });
      watcher(known.owner);
    }
  }
}
