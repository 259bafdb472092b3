import type { MediaContainer, MediaItem, MediaObject, MediaType } from '../xpmn/model/media.ts';
import type { DidlObject, DidlResource } from './didl.ts';
import { idFromObjectId, ROOT_ID, ROOT_OBJECT_ID, uidFrom } from './object-id.ts';

/** What the adapter knows about URLs and the mapping does not. */
export interface ResourceLocator {
  /** Short hash of the resource's path and query; undefined if nothing may be fetched from there. */
  tag(uri: string): string | undefined;
}

/** A resource that may be fetched, with the tag that goes into the uid. */
export interface ChosenResource {
  readonly resource: DidlResource;
  readonly tag: string;
}

export function objectFromDidl(object: DidlObject, locator: ResourceLocator): MediaObject {
  return object.kind === 'container' ? containerFromDidl(object) : itemFromDidl(object, locator);
}

export function containerFromDidl(object: DidlObject): MediaContainer {
  const isRoot = object.id === ROOT_OBJECT_ID;
  return {
    kind: 'container',
    id: idFromObjectId(object.id),
    parent: isRoot ? undefined : parentOf(object),
    title: object.title ?? (isRoot ? ROOT_ID : object.id),
    ...(object.childCount === undefined ? {} : { count: object.childCount }),
  };
}

export function itemFromDidl(object: DidlObject, locator: ResourceLocator): MediaItem {
  const chosen = chooseResource(object, locator);
  // What can't be fetched still has a length and a format: better told by some resource than by none.
  const described = chosen?.resource ?? rank(object)[0];
  const albumArtist = artistInRole(object, 'albumartist');
  return {
    kind: 'item',
    id: idFromObjectId(object.id),
    parent: parentOf(object),
    title: object.title ?? object.id,
    type: typeOf(object, described),
    uid: chosen && uidFrom(object.id, chosen.tag),
    ...known({
      artist: artistInRole(object, 'performer') ?? artistInRole(object, undefined) ?? object.creator ?? albumArtist,
      album: object.album,
      albumArtist,
      genre: object.genre,
      track: object.track,
      date: isoDate(object.date),
      ...(described ? factsOf(described) : {}),
    }),
  };
}

/**
 * The resource that is the thing itself: over http-get, of the kind the class promises, not converted, not a
 * thumbnail; among equals the largest, then the first.
 */
export function chooseResource(object: DidlObject, locator: ResourceLocator): ChosenResource | undefined {
  for (const resource of rank(object)) {
    const tag = resource.protocolInfo.protocol === 'http-get' ? locator.tag(resource.uri) : undefined;
    if (tag !== undefined) return { resource, tag };
  }
  return undefined;
}

function rank(object: DidlObject): DidlResource[] {
  const wanted = classType(object.class);
  const score = (resource: DidlResource): number =>
    (resource.protocolInfo.protocol === 'http-get' ? 8 : 0) +
    (fits(resource, wanted) ? 4 : 0) +
    (resource.protocolInfo.converted ? 0 : 2) +
    (isThumbnail(resource) ? 0 : 1);
  const pixels = ({ width = 0, height = 0 }: DidlResource): number => width * height;
  return [...object.resources].sort((a, b) => score(b) - score(a) || (wanted === 'image' ? pixels(b) - pixels(a) : 0));
}

function fits({ protocolInfo }: DidlResource, wanted: MediaType | undefined): boolean {
  const type = mimeMajor(protocolInfo.mimeType);
  return wanted === undefined || type === undefined || wanted === type || wanted === 'stream';
}

function isThumbnail({ protocolInfo }: DidlResource): boolean {
  return /_(TN|SM|MED|LRG_ICO|SM_ICO)$/.test(protocolInfo.profile ?? '');
}

function typeOf(object: DidlObject, resource: DidlResource | undefined): MediaType {
  return classType(object.class) ?? mimeMajor(resource?.protocolInfo.mimeType) ?? 'other';
}

function classType(upnpClass: string | undefined): MediaType | undefined {
  const match = /^item\.(audio|video|image)Item(?:\.(\w+))?/i.exec(upnpClass ?? '');
  if (!match) return undefined;
  if (/^(audio|video)Broadcast$/i.test(match[2] ?? '')) return 'stream';
  return (match[1] as string).toLowerCase() as MediaType;
}

function mimeMajor(mimeType: string | undefined): MediaType | undefined {
  const match = /^(audio|video|image)\//.exec(mimeType ?? '');
  if (mimeType === 'application/ogg') return 'audio';
  return match ? (match[1] as MediaType) : undefined;
}

function factsOf(resource: DidlResource): Partial<MediaItem> {
  return {
    duration: resource.duration,
    size: resource.size,
    mimeType: resource.protocolInfo.mimeType,
    width: resource.width,
    height: resource.height,
    // UPnP counts bytes, whatever the attribute is called.
    bitrate: resource.byterate === undefined ? undefined : resource.byterate * 8,
    channels: resource.channels,
    sampleRate: resource.sampleRate,
  };
}

function artistInRole(object: DidlObject, role: string | undefined): string | undefined {
  return object.artists.find((artist) => artist.role?.toLowerCase() === role)?.name;
}

function parentOf(object: DidlObject): string | undefined {
  const { parentId } = object;
  return parentId === undefined || parentId === '' || parentId === '-1' ? undefined : idFromObjectId(parentId);
}

/** Dates as far as they are ones: a year, a month, a day, or a time on a day. */
function isoDate(text: string | undefined): string | undefined {
  return text !== undefined && /^\d{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?$/.test(text)
    ? text
    : undefined;
}

/** Without the unknown: optional fields are missing, not undefined. */
function known<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
