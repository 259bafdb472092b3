import type { EventEmitter } from 'node:events';
import type { MediaObject, MediaPage } from '../model/media.ts';
import type { MediaPlayer } from './media-player.ts';
import type { MediaEntity, MediaSource } from './media-source.ts';

/** What the legacy side tells about a device. `id` never changes for the same device, and no other one has it, on whatever machine (a UDN; a bus name and the machine). */
export interface MediaDeviceDescription {
  readonly id: string;
  /** Friendly name, for people; not unique. */
  readonly name: string;
  readonly kind: 'media-server' | 'media-player';
  readonly manufacturer?: string | undefined;
  readonly model?: string | undefined;
}

/**
 * The library of a media server. Ids are the library's own: the root is `root`, others as its listings give them. An
 * unknown id is `not-found`. `browse` pages: a server may return fewer children than `limit`, never none unless at the
 * end. Objects that can't be understood are left out, not fatal.
 */
export interface MediaLibrary {
  browse(
    containerId: string,
    options: { readonly offset: number; readonly limit: number; readonly signal: AbortSignal },
  ): Promise<MediaPage>;
  /** One object by its id; an item also by its uid. */
  object(id: string, options: { readonly signal: AbortSignal }): Promise<MediaObject>;
  /**
   * The bytes of an item, by uid. What it named may be remembered for a few seconds; the source then opens the same
   * entity or rejects. @throws XpmnError `not-found`; also if what the uid named has gone or moved
   */
  source(uid: string, options: { readonly signal: AbortSignal }): Promise<MediaSource>;
  /**
   * Where the library's own server has an item's bytes, for a player that reaches it as well as we do; undefined where that may not be
   * fetched by others (PROTOCOL §7), or nobody knows. Missing: there is no such server. @throws XpmnError `not-found`, or as `MediaSource.probe`
   */
  locate?(uid: string, options: { readonly signal: AbortSignal }): Promise<LocatedMedia | undefined>;
}

/** An item's bytes on the server of the legacy side. */
export interface LocatedMedia {
  /** `http:`, to an IP literal. */
  readonly url: string;
  readonly entity: MediaEntity;
  /** Fourth field of protocolInfo as the server has it; undefined where it says nothing. */
  readonly contentFeatures: string | undefined;
}

export interface MediaDevice {
  readonly description: MediaDeviceDescription;
  readonly library: MediaLibrary | undefined;
  readonly player?: MediaPlayer | undefined;
}

export interface DeviceSourceEvents {
  deviceAppeared: [device: MediaDevice];
  deviceGone: [id: string];
}

/**
 * An adapter: where legacy devices come from. `start` begins to look and resolves when looking works (devices appear
 * later, by event); no network at start is not fatal. After `stop` nothing is left open and no event follows. A device
 * appears once until it is gone; hysteresis is the adapter's business.
 */
export interface DeviceSource extends Pick<EventEmitter<DeviceSourceEvents>, 'on' | 'off' | 'once'> {
  start(options: { readonly signal: AbortSignal }): Promise<void>;
  stop(): Promise<void>;
  devices(): readonly MediaDevice[];
}
