import type { IncomingHttpHeaders } from 'node:http';
import type { MediaEntity } from '../ports/media-source.ts';

/**
 * What DLNA players ask of an HTTP server beyond HTTP, and are told (DLNA guidelines, media transport; tolerant where devices
 * are known to be wrong).
 */

/** How the bytes are wanted: at the pace of playing, at once, or when there is time. */
type TransferMode = 'Streaming' | 'Interactive' | 'Background';

/** Bits of `DLNA.ORG_FLAGS`, of which the first 32 mean something. */
const FLAG = {
  beginningGrows: 0x08000000, endGrows: 0x04000000, streaming: 0x01000000, interactive: 0x00800000, background: 0x00400000, stalling: 0x00200000, version15: 0x00100000,
} as const;

/**
 * The fourth field of protocolInfo, and the header `contentFeatures.dlna.org`: the same string, or players take the item for
 * another one. Bytes can be sought in whatever has a size, never by time; nothing is converted. A live source has no place
 * to go to, and can't be held back.
 */
export function contentFeatures({ type, size }: Pick<MediaEntity, 'type' | 'size'>): string {
  const isLive = size === undefined;
  const kept = isLive ? FLAG.beginningGrows | FLAG.endGrows : FLAG.stalling;
  const mode = isImage(type) ? FLAG.interactive : FLAG.streaming | kept;
  const flags = (mode | FLAG.background | FLAG.version15).toString(16).padStart(8, '0');
  return `DLNA.ORG_OP=${isLive ? '00' : '01'};DLNA.ORG_CI=0;DLNA.ORG_FLAGS=${flags}${'0'.repeat(24)}`;
}

/** The headers that an answer carries, for those who ask for them; `always` for those who need them and don't ask. */
export function dlnaHeaders(request: IncomingHttpHeaders, entity: Pick<MediaEntity, 'type' | 'size'>, { always }: { readonly always: boolean }): Record<string, string> {
  const asksFeatures = valueOf(request, 'getcontentfeatures.dlna.org') === '1';
  const asked = valueOf(request, 'transfermode.dlna.org');
  return {
    ...(always || asksFeatures ? { 'contentFeatures.dlna.org': contentFeatures(entity) } : {}),
    ...(always || asksFeatures || asked !== undefined ? { 'transferMode.dlna.org': transferMode(asked, entity.type) } : {}),
  };
}

/** Whether a place is asked for by time, or another speed, which only a server that reads the media could give. A Range beside it says what to do instead. */
export function asksForTime(request: IncomingHttpHeaders): boolean {
  return request.range === undefined && ['timeseekrange.dlna.org', 'playspeed.dlna.org'].some((name) => valueOf(request, name) !== undefined);
}

/** COMPAT: a mode that does not go with the type is answered with the one that does, not refused: the bytes are the same. */
function transferMode(asked: string | undefined, type: string): TransferMode {
  if (asked?.toLowerCase() === 'background') return 'Background';
  return isImage(type) ? 'Interactive' : 'Streaming';
}

function isImage(type: string): boolean {
  return type.startsWith('image/');
}

function valueOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return (Array.isArray(value) ? value[0] : value)?.trim();
}
