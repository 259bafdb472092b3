import { NS } from '../model/namespaces.ts';
import type { XmlElement } from '../model/xml.ts';
import type { PlaybackCall, PlaybackControl } from '../ports/playback-control.ts';
import type { IncomingIq, IqRegistry, StanzaChannel } from '../ports/stanza-channel.ts';
import { ownPeer } from './access.ts';
import { inlineOrNot } from './listing.ts';
import type { ListingDeps } from './listing.ts';
import { COMMANDS, formatItems, formatOpened, formatStatus, parseCommand, parseOpen } from './playback-codec.ts';
import type { OpenLimits, PlaybackCommand } from './playback-codec.ts';

export interface PlaybackDeps extends ListingDeps {
  readonly control: PlaybackControl;
  readonly registry: IqRegistry;
  /** Somebody has opened something: it is told from now on how that goes. */
  opened(channel: StanzaChannel): void;
}

export interface PlaybackOptions extends OpenLimits {
  /** Bytes of a serialised list that still go inline; more goes out of band. */
  readonly inlineLimit: number;
}

/** Media Playback Control, provider side (WIRE §2.5). */
export function providePlayback(deps: PlaybackDeps, options: PlaybackOptions): void {
  const { control, registry } = deps;

  async function open(iq: IncomingIq): Promise<XmlElement> {
    const call = callOf(iq);
    const opened = await control.open(parseOpen(iq.payload, options), call);
    deps.opened(iq.channel);
    return formatOpened(opened, await inlineOrNot(formatItems(opened.items), iq, deps, options));
  }

  async function command(iq: IncomingIq): Promise<undefined> {
    const call = callOf(iq);
    await run(control, parseCommand(iq.payload), call);
    return undefined;
  }

  function status(iq: IncomingIq): XmlElement {
    ownPeer(iq);
    return formatStatus(control.status);
  }

  registry.handle({ ns: NS.player, name: 'open', type: 'set' }, open);
  for (const name of COMMANDS) registry.handle({ ns: NS.player, name, type: 'set' }, command);
  registry.handle({ ns: NS.player, name: 'status', type: 'get' }, status);
}

function callOf(iq: IncomingIq): PlaybackCall {
  return { by: ownPeer(iq).jid, signal: iq.signal };
}

function run(control: PlaybackControl, command: PlaybackCommand, call: PlaybackCall): Promise<void> {
  switch (command.name) {
    case 'seek': return control.seek(command.target, call);
    case 'jump': return control.jump(command.index, call);
    default: return control[command.name](call);
  }
}
