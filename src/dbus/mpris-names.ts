import { MPRIS } from './mpris-remote.ts';

/** Shows other players a second time. */
const PROXIES: readonly string[] = [`${MPRIS}.playerctld`];

/** Names that stand for a player. */
export function isPlayerName(name: string): boolean {
  return name.startsWith(`${MPRIS}.`) && !PROXIES.includes(name);
}

/**
 * The name of a player whatever instance of it runs: the suffix for a second one changes with each start.
 * @spec MPRIS v2.2 §Bus_Name_Policy
 */
export function nameWithoutInstance(name: string): string {
  return name.replace(/\.instance[\w-]*$/, '');
}

/** Which names whose programs have, as they come and go. Several of one program are one player. */
export class NamesByOwner {
  private readonly owners = new Map<string, string>();

  /** The names of a program; none: it has left. */
  of(owner: string): readonly string[] {
    return [...this.owners].filter(([, one]) => one === owner).map(([name]) => name);
  }

  /** Programs that have any. */
  get programs(): readonly string[] {
    return [...new Set(this.owners.values())];
  }

  /** Takes in a change; gives the owner before. */
  set(name: string, owner: string | undefined): string | undefined {
    const before = this.owners.get(name);
    if (owner === undefined) this.owners.delete(name);
    else this.owners.set(name, owner);
    return before;
  }
}
