import type { PeerIdentity, Verdict } from '../model/identity.ts';
import type { Jid } from '../model/jid.ts';
import type { ControlName, ControlVariable, PlaybackStatus, PlayingItem } from '../model/playback.ts';
import type { XmlElement } from '../model/xml.ts';
import type { PlaybackControl } from '../ports/playback-control.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import type { Item, ItemChange } from '../pubsub/item-source.ts';
import type { PubsubService, Rights } from '../pubsub/service.ts';
import type { PubsubWire } from '../pubsub/wire.ts';
import { metadataFromPlaying } from './metadata.ts';
import { formatState } from './playback-codec.ts';
import { METADATA_ITEM, METADATA_NODE, STATUS_ITEM, STATUS_NODE, controlNode, notifyFeature } from './player-nodes.ts';
import type { EventNode, SubscriptionMode } from './player-nodes.ts';
import { formatVariable } from './rendering-codec.ts';

const HOME: readonly Verdict[] = ['own', 'own-hosted'];
const NOBODY: readonly Verdict[] = [];

/** What a player does is the business of its owner's devices; it says so itself, and nobody else can. */
const RIGHTS: Rights = { list: HOME, read: HOME, publish: NOBODY, retract: NOBODY, subscribe: HOME };

export interface PlayerEventsDeps {
  readonly control: PlaybackControl;
  readonly service: PubsubService<XmlElement>;
  readonly wire: Pick<PubsubWire, 'notify' | 'present' | 'subscribe'>;
  /** What another device announces; undefined while that is not known. */
  features(peer: Jid): ReadonlySet<string> | undefined;
}

/**
 * Tells how a player is: state and item to those of the owner's devices whose capabilities say that they want it, and to
 * whoever opens something; its variables to those who subscribe (PROTOCOL §8, WIRE §2.2). The items are no second copy: what
 * is read is how the player is at that moment. While nobody is there who could be told, it does not listen: some players have
 * to be asked all the time how they are, for whoever listens.
 */
export class PlayerEvents {
  private readonly deps: PlayerEventsDeps;
  private readonly added: EventNode[] = [];
  private isListening = false;

  constructor(deps: PlayerEventsDeps) {
    this.deps = deps;
  }

  /** Those that there are now. */
  get nodes(): readonly EventNode[] {
    return this.added;
  }

  start(): void {
    const { control } = this.deps;
    this.add(STATUS_NODE, 'mixed', () => [statusItem(control.status)]);
    this.add(METADATA_NODE, 'mixed', () => (control.item ? [metadataItem(control.item)] : []));
    this.addControls();
    this.attend();
  }

  /** The player is gone: who has listened is told. */
  stop(): void {
    const { service, wire } = this.deps;
    this.listen(false);
    for (const { name } of this.added.splice(0)) wire.notify(service.deleteNode(name, wire.present()));
  }

  /** A stream has opened. */
  came({ closed }: StanzaChannel): void {
    closed.addEventListener('abort', this.attend, { once: true });
    this.attend();
  }

  private readonly attend = (): void => this.listen(this.added.length > 0 && this.deps.wire.present().some(mayBeTold));

  private listen(isWanted: boolean): void {
    if (isWanted === this.isListening) return;
    this.isListening = isWanted;
    const { control } = this.deps;
    const act = isWanted ? 'on' : 'off';
    if (isWanted) this.addControls();
    control[act]('status', this.onStatus);
    control[act]('item', this.onItem);
    control[act]('variable', this.onVariable);
  }

  /** The peer of a channel has opened something: it hears how that goes. */
  readonly opened = (channel: StanzaChannel): void => this.deps.wire.subscribe([STATUS_NODE, METADATA_NODE], channel);

  private readonly onStatus = (status: PlaybackStatus): void => this.tell(STATUS_NODE, { published: [statusItem(status)], retracted: [] });

  private readonly onItem = (item: PlayingItem | undefined): void =>
    this.tell(METADATA_NODE, item ? { published: [metadataItem(item)], retracted: [] } : { published: [], retracted: [METADATA_ITEM] });

  private readonly onVariable = (variable: ControlVariable): void => {
    this.addControl(variable.name);
    this.tell(controlNode(variable.name), { published: [variableItem(variable)], retracted: [] });
  };

  /** Some players show only when they play what can be set: also while nobody listened. */
  private addControls(): void {
    for (const name of this.deps.control.controls) this.addControl(name);
  }

  private addControl(name: ControlName): void {
    const node = controlNode(name);
    if (this.added.some((known) => known.name === node)) return;
    this.add(node, 'explicit', () => this.deps.control.variables.filter((variable) => variable.name === name).map(variableItem));
  }

  private add(name: string, mode: SubscriptionMode, all: () => readonly Item<XmlElement>[]): void {
    const { service, features } = this.deps;
    const feature = notifyFeature(name);
    service.addNode({
      name, rights: RIGHTS, items: { all },
      automatic: mode === 'mixed' ? HOME : NOBODY,
      wanted: ({ jid }) => features(jid)?.has(feature) ?? false,
    });
    this.added.push({ name, mode });
  }

  private tell(node: string, change: ItemChange<XmlElement>): void {
    const { service, wire } = this.deps;
    wire.notify(service.notification(node, change, wire.present()));
  }
}

function mayBeTold({ verdict }: PeerIdentity): boolean {
  return HOME.includes(verdict);
}

function statusItem(status: PlaybackStatus): Item<XmlElement> {
  return { id: STATUS_ITEM, payload: formatState(status) };
}

function metadataItem(item: PlayingItem): Item<XmlElement> {
  return { id: METADATA_ITEM, payload: metadataFromPlaying(item) };
}

function variableItem(variable: ControlVariable): Item<XmlElement> {
  return { id: variable.name, payload: formatVariable(variable) };
}
