/** Types of MediaServer Directory items (WIRE §2.4). */
export type MediaType = 'audio' | 'video' | 'image' | 'stream' | 'other';

/** What all objects of a library have. Ids are the library's own and opaque; `root` is the top. */
export interface MediaObjectBase {
  readonly id: string;
  /** The container it lies in; undefined for the root, and in results that are not a directory. */
  readonly parent: string | undefined;
  readonly title: string;
}

export interface MediaContainer extends MediaObjectBase {
  readonly kind: 'container';
  /** Number of direct children, where the library tells. */
  readonly count?: number | undefined;
}

export interface MediaItem extends MediaObjectBase {
  readonly kind: 'item';
  readonly type: MediaType;
  /** Names the bytes: what `transfer` asks for. Undefined if the item has none that can be fetched. */
  readonly uid: string | undefined;
  readonly artist?: string | undefined;
  readonly album?: string | undefined;
  readonly albumArtist?: string | undefined;
  readonly genre?: string | undefined;
  readonly track?: number | undefined;
  /** Names its picture (`isPictureUri`): whoever tells of the item has that. */
  readonly cover?: string | undefined;
  /** ISO 8601 date as the library has it. */
  readonly date?: string | undefined;
  /** Seconds. */
  readonly duration?: number | undefined;
  /** Bytes. */
  readonly size?: number | undefined;
  readonly mimeType?: string | undefined;
  /** File name, where known. */
  readonly name?: string | undefined;
  readonly width?: number | undefined;
  readonly height?: number | undefined;
  /** Bits per second. */
  readonly bitrate?: number | undefined;
  readonly channels?: number | undefined;
  /** Hz. */
  readonly sampleRate?: number | undefined;
}

export type MediaObject = MediaContainer | MediaItem;

/** One page of a container: `children` from `offset` on. */
export interface MediaPage {
  readonly container: MediaContainer;
  readonly children: readonly MediaObject[];
  readonly offset: number;
  /** Of all children; undefined if the library does not know. */
  readonly total: number | undefined;
}
