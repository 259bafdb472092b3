import type { Clock } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { sleep } from '../kernel/tasks.ts';
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

export interface AccountSeekerOptions {
  /** Times that one gateway is asked while it is there, and milliseconds between, longer each time. */
  readonly questions: number;
  readonly questionInterval: number;
}

/**
 * The network has an account, and this gateway does not know how to log in: it was paired before there was one. Other
 * gateways know, or let this one in by its certificate; each is asked when it is there, and again when it comes back or was
 * only not able to.
 */
export class AccountSeeker {
  private readonly deps: AccountSeekerDeps;
  private readonly options: AccountSeekerOptions;
  /** Who is there and was asked, and the question: who comes back is asked anew, and not twice. */
  private readonly asked = new Map<Jid, object>();
  private isOver = false;

  constructor(deps: AccountSeekerDeps, options: AccountSeekerOptions) {
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
  }

  private readonly look = (): void => {
    const { network, directory, tasks } = this.deps;
    const there = currentHosts(network.lists.snapshot, network.id)
      .map(({ jid }) => jid)
      .filter((jid) => jid !== network.gateway.jid && directory.find(jid) !== undefined);
    for (const jid of this.asked.keys()) if (!there.includes(jid)) this.asked.delete(jid);
    for (const jid of there.filter((one) => !this.asked.has(one))) {
      const question = {};
      this.asked.set(jid, question);
      tasks.run((signal) => this.ask(jid, question, signal));
    }
  };

  private async ask(jid: Jid, question: object, signal: AbortSignal): Promise<void> {
    const { clock, links, log, network, onFound } = this.deps;
    for (let attempt = 1; !this.isOver && this.asked.get(jid) === question; attempt += 1) {
      try {
        const account = await askForAccount(await links.to(jid).channel({ signal }), network.gateway.certificate.der, { signal });
        if (this.isOver) return;
        this.stop();
        onFound(account);
        return;
      } catch (error) {
        log.info('a gateway did not tell how to log in', { jid, error });
        const mayHelpLater = error instanceof XpmnError && error.retryable;
        if (!mayHelpLater || attempt === this.options.questions) return;
        await sleep(clock, this.options.questionInterval * attempt, signal);
      }
    }
  }
}
