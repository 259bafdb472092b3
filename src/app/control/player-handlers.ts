import { basename } from 'node:path';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import { atATime, throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import { formatMediaUri, parseMediaUri } from '../../xpmn/model/media-uri.ts';
import type { PlayerCommand, PlayerView, PlayingItem } from '../../xpmn/model/playback.ts';
import { findPlayer, playsNothing } from '../find-device.ts';
import type { Gateway, GatewayDevice } from '../gateway-api.ts';
import type { Handler, HandlerContext } from './handlers.ts';
import type { ItemToPlay, NamedView } from './operations.ts';
import { OPENING, toldBy } from './refusal.ts';

/** Web servers are slow to say no, some of them: a list waits for the slowest, not for one after the other. */
const SHARED_AT_A_TIME = 8;

/** What a player says of an item, and not of itself. */
const OF_ITEMS: readonly ErrorCode[] = ['not-found', 'not-allowed', 'not-acceptable', 'unsupported-type', 'origin-unreachable', 'origin-broken'];

type PlayerOperation = 'play' | 'player' | 'now' | 'now-wait';

export const PLAYER_HANDLERS: { readonly [N in PlayerOperation]: Handler<N> } = {
  async play({ device, items, position, autoplay = true }, context) {
    const gateway = context.controlled.gateway();
    const player = findPlayer(device, gateway.devices());
    const found = await atATime(SHARED_AT_A_TIME, items, (item) => uriOf(item, gateway, context));
    const uris = found.filter((one) => typeof one === 'string');
    const skipped = found.filter((one) => typeof one !== 'string');
    if (uris.length === 0) throw skipped[0] as XpmnError;
    // It is a place in the first, not in what comes in its stead.
    const from = found[0] === uris[0] ? position : undefined;
    const opened = await asPlayer(player, gateway.players.open(player.jid, { uris, position: from, autoplay }, context), undefined, OPENING).catch((error: unknown) => {
      // Of several, the player says what is wrong with the first one that it was given.
      throw items.length > 1 ? ofItem(items[found.findIndex((one) => one === uris[0])] as ItemToPlay, error) : error;
    });
    const names = new Map(found.map((uri, i) => [uri, nameOf(items[i] as ItemToPlay)]));
    return { ...named(player), ...opened, items: opened.items.map((one) => titled(one, names.get(one.uri ?? ''))), skipped: skipped.map(({ message }) => message) };
  },

  async player({ device, command }, { controlled, signal }) {
    const gateway = controlled.gateway();
    const player = findPlayer(device, gateway.devices());
    await asPlayer(player, gateway.players.command(player.jid, command, { signal }), command);
    return named(player);
  },

  async now({ device }, { controlled, signal }) {
    const gateway = controlled.gateway();
    const player = findPlayer(device, gateway.devices());
    return shown(player, await asPlayer(player, gateway.players.now(player.jid, { signal })), gateway);
  },

  async 'now-wait'({ device, after }, { controlled, signal }) {
    const gateway = controlled.gateway();
    const player = findPlayer(device, gateway.devices());
    return shown(player, await asPlayer(player, gateway.players.wait(player.jid, after, signal)), gateway);
  },
};

function named({ jid, name }: GatewayDevice): { device: GatewayDevice['jid']; name: string } {
  return { device: jid, name };
}

function shown(player: GatewayDevice, view: PlayerView, gateway: Gateway): NamedView {
  const opener = gateway.devices().find(({ jid }) => jid === view.status?.controller)?.name;
  return { ...named(player), ...view, ...(opener === undefined ? {} : { opener }) };
}

/** Why it can't be had is no reason not to play the others. @throws XpmnError `bad-request` for what is no item; the signal's reason */
async function uriOf(item: ItemToPlay, gateway: Gateway, { signal }: HandlerContext): Promise<string | XpmnError> {
  if ('uri' in item) return formatMediaUri(parseMediaUri(item.uri));
  try {
    return (await gateway.share(item, { signal })).uri;
  } catch (thrown) {
    throwIfAborted(signal);
    const error = asXpmnError(thrown);
    // It is one of many, maybe.
    return new XpmnError(error.code, `${placeOf(item)}: ${error.message}`, { cause: error, details: error.details });
  }
}

/** What is wrong with an item, under the name that the user gave it; another failure as it is. */
function ofItem(item: ItemToPlay, error: unknown): unknown {
  if (!(error instanceof XpmnError) || !OF_ITEMS.includes(error.code)) return error;
  return new XpmnError(error.code, `${placeOf(item)}: ${error.message}`, { cause: error, details: error.details });
}

/** As the playlist calls it, or a file by its name: what it is shared as says nothing to its user. */
function nameOf(item: ItemToPlay): string | undefined {
  if ('title' in item && item.title !== undefined) return item.title;
  return 'file' in item ? basename(item.file) : 'url' in item ? placeOf(item) : undefined;
}

/** What the player has not looked at yet has no title. */
function titled({ item, ...rest }: PlayingItem, title: string | undefined): PlayingItem {
  return { ...rest, item: item.title === '' && title !== undefined ? { ...item, title } : item };
}

/** As the user named it, but for a password in it. */
function placeOf(source: ItemToPlay): string {
  if ('uri' in source) return source.uri;
  if ('file' in source) return source.file;
  if (!URL.canParse(source.url)) return source.url;
  const url = new URL(source.url);
  [url.username, url.password] = ['', ''];
  return url.href;
}

/** What nobody but the device knew: that it plays nothing, or has no such control. */
async function asPlayer<T>(player: GatewayDevice, answer: Promise<T>, command?: PlayerCommand, special?: Parameters<typeof toldBy>[2]): Promise<T> {
  try {
    return await answer;
  } catch (thrown) {
    const error = asXpmnError(thrown);
    if (command?.name === 'set' && (error.code === 'not-found' || error.code === 'not-supported')) {
      const what = { volume: 'volume', mute: 'way to mute it' }[command.variable.name];
      throw new XpmnError('not-supported', `${player.name} has no ${what} that can be reached from here: use its own controls.`, { cause: error });
    }
    if (error.code === 'not-supported' && !player.services.includes('playback')) throw playsNothing(player, error);
    throw toldBy(player, error, special);
  }
}
