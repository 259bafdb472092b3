import type { Device } from '../device/device.ts';
import type { Clock } from '../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/log.ts';
import { withDeadline } from '../kernel/tasks.ts';
import type { TaskGroup } from '../kernel/tasks.ts';
import type { Jid } from '../model/jid.ts';
import type { Picture } from '../model/picture.ts';
import type { PlayerCommand, PlayerView } from '../model/playback.ts';
import type { XmlElement } from '../model/xml.ts';
import type { OpenRequest, OpenedList } from '../ports/playback-control.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { commandPlayer, itemOfPlayer, openOnPlayer, statusOfPlayer } from '../profiles/playback-controller.ts';
import type { PlaybackControllerOptions } from '../profiles/playback-controller.ts';
import { pictureOfPeer } from '../profiles/pictures-controller.ts';
import { setOnPlayer, variablesOfPlayer } from '../profiles/rendering-controller.ts';
import { askTwice } from './ask-twice.ts';
import type { PeerDirectory } from './peer-directory.ts';
import { variableNews } from './player-news.ts';
import { PlayerWatch } from './player-watch.ts';
import type { PlayerWatchOptions } from './player-watch.ts';

export interface PlayerSideDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly tasks: TaskGroup;
  readonly controller: Pick<Device, 'links' | 'wasTurnedAway' | 'on' | 'off'>;
  /** The devices that are there. */
  readonly directory: PeerDirectory;
}

export interface PlayerSideSettings {
  readonly playback: PlaybackControllerOptions & {
    /** Milliseconds for what a player answers by itself. */
    readonly promptTimeout: number;
  };
  readonly watch: PlayerWatchOptions & {
    /** Players that are watched at the same time. */
    readonly players: number;
  };
}

/** Before they are answered, media may have to be fetched from afar. */
const BRINGS_A_TITLE: readonly PlayerCommand['name'][] = ['play', 'next', 'previous', 'jump'];

/**
 * What a gateway does with players elsewhere for those who sit at it: it opens things, gives commands, and looks how they
 * are for as long as somebody wants to know.
 */
export class PlayerSide {
  private readonly deps: PlayerSideDeps;
  private readonly settings: PlayerSideSettings;
  private readonly watches = new Map<Jid, PlayerWatch>();
  private readonly revisions;

  constructor(deps: PlayerSideDeps, settings: PlayerSideSettings) {
    this.deps = deps;
    this.settings = settings;
    // Whoever has looked before, also before a restart, has seen less.
    this.revisions = countFrom(deps.clock.now());
  }

  start(): void {
    this.deps.controller.on('message', this.onMessage);
    this.deps.controller.on('channelOpened', this.onChannel);
    this.deps.directory.on('changed', this.onDirectory);
  }

  /** Whoever waits is told that it is over. */
  stop(): void {
    this.deps.controller.off('message', this.onMessage);
    this.deps.controller.off('channelOpened', this.onChannel);
    this.deps.directory.off('changed', this.onDirectory);
    for (const [device, watch] of [...this.watches]) this.drop(device, watch, new XpmnError('not-running', 'The gateway stops.'));
  }

  /** A device is there that no presence tells of. */
  appeared(device: Jid): void {
    this.watches.get(device)?.news();
  }

  /** @throws XpmnError as `PlaybackControl.open`; could not reach; `not-allowed` */
  open(device: Jid, request: OpenRequest, signal: AbortSignal): Promise<OpenedList> {
    return this.ask(device, () => openOnPlayer(this.deps.controller.links.to(device), request, this.within(signal)));
  }

  /** @throws XpmnError as `PlaybackControl` has it; could not reach; `not-allowed` */
  command(device: Jid, command: PlayerCommand, signal: AbortSignal): Promise<void> {
    if (BRINGS_A_TITLE.includes(command.name)) return this.ask(device, () => this.tell(device, command, signal));
    return this.promptly(signal, (within) => this.ask(device, () => this.tell(device, command, within)));
  }

  /** How the player is now: it is asked. @throws XpmnError could not reach; `not-allowed`; `not-supported` by what is no player */
  async now(device: Jid, signal: AbortSignal): Promise<PlayerView> {
    const asked = this.revisions.last;
    const { heard, ...fresh } = await this.promptly(signal, (within) => this.ask(device, () => this.fetch(device, within)));
    const watch = this.watches.get(device);
    if (!watch) return { ...fresh, heard, device, revision: this.revisions.next() };
    watch.answered(fresh, { asked, heard });
    return watch.view;
  }

  /**
   * How the player is, as soon as the view is newer than revision `after`; 0: as it is known. From the first time on it is
   * watched, until nobody has waited for a while.
   * @throws XpmnError `resource-limit`; as a device says that can't be watched; `aborted`; `not-running`; the signal's reason
   */
  async wait(device: Jid, after: number, signal: AbortSignal): Promise<PlayerView> {
    return (this.watches.get(device) ?? this.watch(device)).wait(after, signal);
  }

  /** The picture of an item that the player names as its `cover`. @throws XpmnError as `pictureOfPeer`; `not-allowed` */
  picture(device: Jid, uri: string, signal: AbortSignal): Promise<Picture> {
    return this.ask(device, () => pictureOfPeer(this.deps.controller.links.to(device), uri, this.within(signal)));
  }

  private watch(device: Jid): PlayerWatch {
    this.makeRoom();
    const { controller, directory } = this.deps;
    const link = controller.links.to(device);
    const watch: PlayerWatch = new PlayerWatch({
      ...this.deps, device,
      revisions: this.revisions,
      connect: (signal) => this.ask(device, () => link.channel({ signal })),
      open: () => controller.links.find(device)?.openChannels[0],
      ended: () => this.forget(device, watch),
      isReplaced: () => this.watches.has(device) && this.watches.get(device) !== watch,
    }, { ...this.settings.playback, ...this.settings.watch });
    this.watches.set(device, watch);
    watch.presence(directory.find(device) !== undefined);
    watch.start();
    return watch;
  }

  /** One that nobody waits for gives way. */
  private makeRoom(): void {
    if (this.watches.size < this.settings.watch.players) return;
    const idle = [...this.watches].find(([, watch]) => !watch.isWatched);
    if (!idle) throw new XpmnError('resource-limit', `No more than ${this.settings.watch.players} players are watched at the same time.`);
    this.drop(...idle, new XpmnError('aborted', 'Nobody looks at the player any more.'));
  }

  private drop(device: Jid, watch: PlayerWatch, reason: XpmnError): void {
    this.forget(device, watch);
    watch.end(reason);
  }

  private forget(device: Jid, watch: PlayerWatch): void {
    if (this.watches.get(device) === watch) this.watches.delete(device);
  }

  private async fetch(device: Jid, signal: AbortSignal): Promise<Omit<PlayerView, 'revision' | 'device'>> {
    const channel = await this.deps.controller.links.to(device).channel({ signal });
    const context = this.within(signal);
    const [{ status, heard }, item, variables] = await Promise.all([
      statusOfPlayer(channel, context).then((said) => ({ status: said, heard: this.deps.clock.now() })),
      orNothing(itemOfPlayer(channel, context)),
      orNothing(variablesOfPlayer(channel, [], context)),
    ]);
    return { reach: 'there', status, heard, item, volume: undefined, mute: undefined, ...variableNews(variables ?? []) };
  }

  private async tell(device: Jid, command: PlayerCommand, signal: AbortSignal): Promise<void> {
    const link = this.deps.controller.links.to(device);
    if (command.name === 'set') await setOnPlayer(await link.channel({ signal }), [command.variable], this.within(signal));
    else await commandPlayer(link, command, this.within(signal));
  }

  /** What needs no more than the player: somebody sits there and waits. */
  private promptly<T>(signal: AbortSignal, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline({ clock: this.deps.clock, signal, delay: this.settings.playback.promptTimeout, what: 'The answer of the player' }, work);
  }

  private ask<T>(device: Jid, ask: () => Promise<T>): Promise<T> {
    return askTwice(this.deps.controller, device, ask);
  }

  private within(signal: AbortSignal): { readonly options: PlaybackControllerOptions; readonly signal: AbortSignal } {
    return { options: this.settings.playback, signal };
  }

  private readonly onMessage = (message: XmlElement, channel: StanzaChannel): void => {
    if (channel.peer) this.watches.get(channel.peer.jid)?.received(message);
  };

  private readonly onChannel = ({ peer }: StanzaChannel): void => {
    if (peer) this.watches.get(peer.jid)?.news();
  };

  private readonly onDirectory = (): void => {
    for (const [device, watch] of this.watches) watch.presence(this.deps.directory.find(device) !== undefined);
  };
}

/** What a device need not have. */
async function orNothing<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (asXpmnError(error).family === 'refused') return undefined;
    throw error;
  }
}

function countFrom(start: number): { readonly last: number; next(): number } {
  let last = start;
  return {
    get last() {
      return last;
    },
    next: () => (last += 1),
  };
}
