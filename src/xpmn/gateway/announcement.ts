import type { Device } from '../device/device.ts';
import { JINGLE_NS } from '../jingle/codec.ts';
import { SECURITY_NS } from '../jingle/security-codec.ts';
import { ibbNamespace } from '../jingle/transports/ibb-codec.ts';
import { NS_S5B } from '../jingle/transports/s5b-codec.ts';
import { bareJid } from '../model/jid.ts';
import type { Jid } from '../model/jid.ts';
import { NS } from '../model/namespaces.ts';
import type { KeyName } from '../model/identity.ts';
import type { ButtonWindow } from '../pairing/button-window.ts';
import type { ConnectionState } from '../ports/xmpp-connection.ts';
import type { OwnPresence } from '../serverless/link-presence.ts';
import type { EventNode } from '../profiles/player-nodes.ts';
import type { AnnouncedDevice, LocalLink } from '../serverless/local-link.ts';
import { WAITING_NODE, formatWaiting } from './waiting.ts';
import type { PairingWindow } from '../trust/pairing-window.ts';
import { NS_CAPS, computeVer } from '../xmpp/caps.ts';
import type { Caps } from '../xmpp/caps.ts';
import { DiscoRegistry } from '../xmpp/disco.ts';
import type { DiscoInfo, Identity } from '../xmpp/disco.ts';
import { NS_PING, answerPings } from '../xmpp/ping.ts';
import { NS_PUBSUB } from '../xmpp/pubsub-codec.ts';
import { availablePresence, unavailablePresence } from '../xmpp/presence.ts';

/** Names the program in its capabilities (XEP-0115 §4). */
const NODE = 'urn:xmpp:xpmn:gateway:0';

/** Announced by every device: what it is made of, before anything it offers. */
const CORE_FEATURES: readonly string[] = [
  JINGLE_NS, SECURITY_NS, NS_S5B, ibbNamespace(1), ibbNamespace(0), NS.xmlStream, NS.outOfBand, NS.trust, NS.pubkey, NS_CAPS, NS_PING,
];

export interface AnnouncementSpec {
  /** For people. */
  readonly name: string;
  /** Beside those of every device. */
  readonly features: readonly string[];
  /** Where it is announced, too. */
  readonly link?: LocalLink | undefined;
  /** Of a gateway. */
  readonly pairing?: PairingWindow | undefined;
  readonly button?: ButtonWindow | undefined;
  /** The network id. */
  readonly network?: KeyName | undefined;
  /** Beside that of every device, which comes first. */
  readonly identities?: readonly Identity[];
  /** On which it tells of changes. */
  nodes?(): readonly EventNode[];
}

/** A device's presence and what it says of itself: on the local link, and on the server whenever it comes online. */
export class Announcement {
  private readonly device: Device;
  private readonly spec: AnnouncementSpec;
  private announced: AnnouncedDevice | undefined;
  private readonly disco = new DiscoRegistry();

  private constructor(device: Device, spec: AnnouncementSpec) {
    const { name, features, identities = [] } = spec;
    this.device = device;
    this.spec = spec;
    this.disco.addIdentity({ category: 'automation', type: 'xpmn', name });
    for (const identity of identities) this.disco.addIdentity(identity);
    this.disco.addFeatures(...CORE_FEATURES, ...features);
    const isOurs = (node: string): boolean => node === `${NODE}#${this.caps.ver}`;
    const isOwn = (asker: Jid): boolean => bareJid(asker) === bareJid(device.jid);
    this.disco.serve(device.router, isOurs, {
      at: (node, asker) => (isOwn(asker) ? this.infoAt(node) : undefined),
      items: (asker) => (isOwn(asker) ? this.nodes.map(({ name: node }) => ({ jid: device.jid, node })) : []),
    });
    device.describe = (node) => this.disco.answer(node, isOurs);
    answerPings(device.router);
    device.connection?.on('stateChanged', this.onState);
  }

  static of(device: Device, spec: AnnouncementSpec): Announcement {
    return new Announcement(device, spec);
  }

  get caps(): Caps {
    return { node: NODE, hash: 'sha-1', ver: computeVer(this.disco.info()) };
  }

  /** The device can be reached from now on. */
  start(): void {
    this.announced = this.spec.link?.announce(this.presence);
    this.spec.pairing?.on('changed', this.onPairing);
    this.spec.button?.on('changed', this.onPairing);
  }

  /** Says goodbye, if anybody listens. */
  async stop(): Promise<void> {
    const { connection } = this.device;
    connection?.off('stateChanged', this.onState);
    this.spec.pairing?.off('changed', this.onPairing);
    this.spec.button?.off('changed', this.onPairing);
    await this.announced?.withdraw();
    if (connection?.state === 'online') await connection.channel.send(unavailablePresence()).catch(() => undefined);
  }

  private get presence(): OwnPresence {
    const { name, pairing, button } = this.spec;
    return { jid: this.device.jid, name, caps: this.caps, pairing: button?.announced ?? (pairing && (pairing.isOpen ? 'open' : 'closed')) };
  }

  private get nodes(): readonly EventNode[] {
    return this.spec.nodes?.() ?? [];
  }

  /** Of what lies at nodes that are not in the caps. */
  private infoAt(node: string): DiscoInfo | undefined {
    if (node === WAITING_NODE) return this.waiting;
    const mode = this.nodes.find(({ name }) => name === node)?.mode;
    return mode && { identities: [{ category: 'pubsub', type: 'leaf' }], features: [NS_PUBSUB, `${NS.events}#${mode}`], forms: [] };
  }

  /** For new devices on the account. It is in no caps: contacts of the account need not know. */
  private get waiting(): DiscoInfo | undefined {
    const { name, pairing, network } = this.spec;
    return pairing?.isOpen && network !== undefined ? formatWaiting({ name, network }) : undefined;
  }

  private readonly onPairing = (): void => this.announced?.update(this.presence);

  private readonly onState = (state: ConnectionState): void => {
    // A failed send is a lost connection: the next one announces again.
    if (state === 'online') this.device.connection?.channel.send(availablePresence(this.caps)).catch(() => undefined);
  };
}
