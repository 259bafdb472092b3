import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/log.ts';
import { Retry } from '../kernel/retry.ts';
import type { RetryOptions } from '../kernel/retry.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import { askForAccount } from '../pairing/account-exchange.ts';
import type { CarriedAccount } from '../pairing/pairing-codec.ts';
import type { PeerLinks } from '../ports/peer-link.ts';
import type { Network } from '../trust/network.ts';
import { currentHosts } from '../trust/snapshot.ts';
import type { PeerDirectory } from './peer-directory.ts';

export interface AccountSeekerDeps {
  readonly network: Network;
  readonly directory: PeerDirectory;
  readonly links: PeerLinks;
  readonly tasks: TaskGroup;
  readonly clock: Clock;
  readonly log: Logger;
  onFound(account: CarriedAccount): void;
}

/**
 * The network has an account, and this gateway does not know how to log in: it was paired before there was one. Other
 * gateways know, or let this one in by its certificate; each is asked while it is there, less and less often, until one has helped.
 */
export class AccountSeeker {
  private readonly deps: AccountSeekerDeps;
  private readonly options: RetryOptions;
  private readonly asked = new Map<Jid, Retry>();
  private isOver = false;

  /** `options`: the pauses between questions to one gateway. */
  constructor(deps: AccountSeekerDeps, options: RetryOptions) {
    this.deps = deps;
    this.options = options;
  }

  start(): void {
    this.deps.directory.on('changed', this.look);
    this.look();
  }

  stop(): void {
    this.isOver = true;
    this.deps.directory.off('changed', this.look);
    for (const question of this.asked.values()) question.stop();
  }

  private readonly look = (): void => {
    const { network, directory, tasks, clock, log } = this.deps;
    const there = currentHosts(network.lists.snapshot, network.id)
      .map(({ jid }) => jid)
      .filter((jid) => jid !== network.gateway.jid && directory.find(jid) !== undefined);
    for (const [jid, question] of this.asked) {
      if (there.includes(jid)) continue;
      question.stop();
      this.asked.delete(jid);
    }
    for (const jid of there.filter((one) => !this.asked.has(one))) {
      const failed = (error: unknown): void => log.info('a gateway did not tell how to log in', { jid, error });
      const question = new Retry({ clock, tasks, failed }, this.options, (signal) => this.ask(jid, signal));
      this.asked.set(jid, question);
      question.begin();
    }
  };

  private async ask(jid: Jid, signal: AbortSignal): Promise<void> {
    const { links, network } = this.deps;
    const account = await askForAccount(await links.to(jid).channel({ signal }), network.gateway.certificate.der, { signal });
    if (this.isOver) return;
    this.stop();
    this.deps.onFound(account);
  }
}
