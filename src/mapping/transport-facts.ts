/** How a transport is; the words are those of players here. */
export type TransportPhase = 'idle' | 'stopped' | 'buffering' | 'playing' | 'paused';

/** What a device's own metadata say of what it has. */
export interface CurrentMedia {
  readonly title: string | undefined;
  readonly artist?: string;
  readonly album?: string;
  readonly genre?: string;
  readonly track?: number;
  /** Seconds. */
  readonly duration?: number;
  /** Address of its picture, as written. SECURITY: for nobody else. */
  readonly art?: string;
}

/** What an event or an answer says of a transport: what is missing was not said, and is as it was. */
export interface TransportFacts {
  readonly phase?: TransportPhase;
  /** It could not go on with what it has. */
  readonly hasFailed?: boolean;
  /** Lower case; `unknown`: it said something that says nothing. */
  readonly actions?: ReadonlySet<string> | 'unknown';
  /** Of what was set; `''` for none. */
  readonly uri?: string;
  /** Of what it is at; `''` for none. */
  readonly trackUri?: string;
  readonly media?: CurrentMedia;
  /** Seconds. */
  readonly duration?: number;
  readonly position?: number;
  readonly speed?: number;
  readonly tracks?: number;
}
