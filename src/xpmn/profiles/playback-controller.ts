import { XpmnError } from '../kernel/errors.ts';
import type { PlaybackStatus, PlayingItem } from '../model/playback.ts';
import { NS } from '../model/namespaces.ts';
import { child, xml } from '../model/xml.ts';
import type { OpenRequest, OpenedList } from '../ports/playback-control.ts';
import type { PeerLink } from '../ports/peer-link.ts';
import type { StanzaChannel } from '../ports/stanza-channel.ts';
import { fetchItems } from '../xmpp/pep.ts';
import { listingIn } from './listing.ts';
import type { ReceiveListingOptions } from './listing.ts';
import { playingFromMetadata } from './metadata.ts';
import { formatCommand, formatOpen, parseOpened, parseStatus } from './playback-codec.ts';
import type { PlaybackCommand } from './playback-codec.ts';
import { METADATA_ITEM, METADATA_NODE } from './player-nodes.ts';

/** `answerTimeout`: milliseconds for an answer; a player may have to fetch from afar first. */
export type PlaybackControllerOptions = ReceiveListingOptions;

type Context = { readonly options: PlaybackControllerOptions; readonly signal: AbortSignal };

/** Opens something on a player. @throws XpmnError as `PlaybackControl.open`; `malformed`; could not reach */
export async function openOnPlayer(link: PeerLink, request: OpenRequest, { options, signal }: Context): Promise<OpenedList> {
  const channel = await link.channel({ signal });
  const answer = await channel.request({ type: 'set', payload: formatOpen(request) }, { signal, timeout: options.answerTimeout });
  const opened = child(answer, 'opened', NS.player);
  if (!opened) throw new XpmnError('malformed', 'The device answered with something that is no list.');
  return parseOpened(opened, await listingIn(opened, { link, channel, signal, options }));
}

/** @throws XpmnError as `PlaybackControl` has it; could not reach */
export async function commandPlayer(link: PeerLink, command: PlaybackCommand, { options, signal }: Context): Promise<void> {
  const channel = await link.channel({ signal });
  await channel.request({ type: 'set', payload: formatCommand(command) }, { signal, timeout: options.answerTimeout });
}

/** @throws XpmnError as the device says; `malformed` */
export async function statusOfPlayer(channel: StanzaChannel, { options, signal }: Context): Promise<PlaybackStatus> {
  const answer = await channel.request({ type: 'get', payload: xml('status', NS.player) }, { signal, timeout: options.answerTimeout });
  const element = child(answer, 'status', NS.player);
  const status = element && parseStatus(element);
  if (!status) throw new XpmnError('malformed', 'The device answered with something that is no status.');
  return status;
}

/** What it plays now; undefined if that is nothing, or it does not say. @throws XpmnError as the device says */
export async function itemOfPlayer(channel: StanzaChannel, { signal }: Context): Promise<PlayingItem | undefined> {
  const items = await fetchItems(channel, undefined, METADATA_NODE, { signal, ids: [METADATA_ITEM] });
  const payload = items.find(({ id }) => id === METADATA_ITEM)?.payload;
  return payload && playingFromMetadata(payload);
}
