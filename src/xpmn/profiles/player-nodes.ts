import type { ControlName } from '../model/playback.ts';

/** How others come to be told of what is on a node: without asking, if their capabilities say so, or by subscribing; or only so. */
export type SubscriptionMode = 'mixed' | 'explicit';

/** A node that tells of changes. */
export interface EventNode {
  readonly name: string;
  readonly mode: SubscriptionMode;
}

export const STATUS_NODE = 'urn:xmpp:media:player:status';
export const METADATA_NODE = 'urn:xmpp:media:player:metadata';
/** Of the one item on each of these. */
export const STATUS_ITEM = 'status';
export const METADATA_ITEM = 'current';

/** Of a variable; its one item is called like it. */
export function controlNode(name: ControlName): string {
  return `urn:xmpp:media:control:${name}`;
}

/** What a controller announces that wants to be told how players are (XEP-0163 §5). */
export const CONTROLLER_FEATURES: readonly string[] = [STATUS_NODE, METADATA_NODE].map(notifyFeature);

export function notifyFeature(node: string): string {
  return `${node}+notify`;
}
