import type { ControlVariable, PlayerView } from '../model/playback.ts';
import { playingFromMetadata } from '../profiles/metadata.ts';
import { parseStatus } from '../profiles/playback-codec.ts';
import { METADATA_ITEM, METADATA_NODE, STATUS_ITEM, STATUS_NODE, controlNode } from '../profiles/player-nodes.ts';
import { parseVariable } from '../profiles/rendering-codec.ts';
import type { PubsubEvent } from '../xmpp/pubsub-codec.ts';

export type PlayerNews = Partial<Pick<PlayerView, 'status' | 'item' | 'volume' | 'mute'>>;

/** What an event says of a player; nothing, where it is about something else, or makes no sense. */
export function newsIn({ node, published, retracted }: PubsubEvent): PlayerNews {
  const payloadOf = (id: string) => published.findLast((item) => item.id === id)?.payload;
  if (node === STATUS_NODE) {
    const payload = payloadOf(STATUS_ITEM);
    const status = payload && parseStatus(payload);
    return status ? { status } : {};
  }
  if (node === METADATA_NODE) {
    const payload = payloadOf(METADATA_ITEM);
    const item = payload && playingFromMetadata(payload);
    return item || retracted.includes(METADATA_ITEM) ? { item } : {};
  }
  return variableNews(published.flatMap(({ payload }) => (payload && parseVariable(payload)) ?? []).filter(({ name }) => controlNode(name) === node));
}

/** Variables, as a view has them. */
export function variableNews(variables: readonly ControlVariable[]): Pick<PlayerNews, 'volume' | 'mute'> {
  return Object.fromEntries(variables.map(({ name, value }) => [name, value]));
}
