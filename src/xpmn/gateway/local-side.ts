import type { Device } from '../device/device.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import type { RetryOptions } from '../kernel/retry.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import type { ServiceDiscovery } from '../ports/service-discovery.ts';
import { LocalLink } from '../serverless/local-link.ts';
import type { LocalLinkOptions } from '../serverless/local-link.ts';
import type { Network } from '../trust/network.ts';
import { queryInfo } from '../xmpp/disco.ts';
import { askTwice } from './ask-twice.ts';
import { isListed, listedDevices } from './known-devices.ts';
import { Neighbourhood } from './neighbourhood.ts';
import type { Answer, Neighbour } from './neighbourhood.ts';

export interface GatewayLinkDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly discovery?: ServiceDiscovery | undefined;
  readonly network: Network;
  readonly host: string;
}

/** The local link of a gateway, for all its devices; undefined where nobody is to be found without the server. */
export function gatewayLink({ clock, random, log, discovery, network, host }: GatewayLinkDeps, options: LocalLinkOptions): LocalLink | undefined {
  return discovery && new LocalLink({ clock, random, log: log.child('link'), discovery, network: network.id, host, concerns: (jid) => isListed(network, jid) }, options);
}

export interface LocalSideDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: TaskGroup;
  readonly link: LocalLink;
  readonly network: Network;
  readonly button: ButtonWindow;
  readonly controller: Device;
  /** Whether a device is one of this process. */
  isHere(jid: Jid): boolean;
}

/** A gateway on its local network: which devices of the network are there, and who has pressed a button. */
export class LocalSide {
  readonly neighbourhood: Neighbourhood;
  private readonly deps: LocalSideDeps;

  /** `questions`: the pauses between questions to one device. */
  constructor(deps: LocalSideDeps, questions: RetryOptions) {
    const { link, clock, log, tasks } = deps;
    this.deps = deps;
    this.neighbourhood = new Neighbourhood({ link, clock, log, tasks, neighbours: () => this.neighbours(), ask: (jid, signal) => this.ask(jid, signal) }, questions);
  }

  start(): void {
    this.deps.link.on('changed', this.lookForButtons);
    this.neighbourhood.start();
  }

  stop(): void {
    this.deps.link.off('changed', this.lookForButtons);
    this.neighbourhood.stop();
  }

  /** The user has pressed the button. `isUsed`: this network can't give way to another. */
  press(isUsed: boolean): void {
    this.deps.button.press({ isUsed, network: this.deps.network.id });
    this.lookForButtons();
  }

  /** A device that says that it is of my network is asked, even if no list that I have names it: it may have a newer one. */
  private neighbours(): Neighbour[] {
    const { link, network, isHere } = this.deps;
    const listed = new Set(listedDevices(network).map(({ jid }) => jid));
    return (network.isMember ? link.all() : [])
      .filter((peer) => !isHere(peer.jid) && (peer.network === network.id || listed.has(peer.jid)))
      .map(({ jid, targets, caps }) => ({ jid, said: JSON.stringify([targets, caps?.ver]) }));
  }

  private ask(jid: Jid, signal: AbortSignal): Promise<Answer> {
    const { controller } = this.deps;
    const { links } = controller;
    return askTwice(controller, jid, async () => {
      const channel = await links.to(jid).channel({ signal });
      // It may have been reached through the server: then somebody else has spoken for it on the link.
      if (links.find(jid)?.path !== 'link-local') throw new XpmnError('peer-unavailable', 'The device is not on the local network.');
      return { info: await queryInfo(channel, undefined, { signal }), closed: channel.closed };
    });
  }

  private readonly lookForButtons = (): void => this.deps.button.look(this.deps.link.pressers().filter(({ jid }) => jid !== this.deps.controller.jid));
}
