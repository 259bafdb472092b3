import { systemRandom } from '../../src/xpmn/kernel/system.ts';
import type { Clock } from '../../src/xpmn/kernel/clock.ts';
import { createIbbTransport } from '../../src/xpmn/jingle/transports/ibb.ts';
import type { IbbOptions } from '../../src/xpmn/jingle/transports/ibb.ts';
import type { IbbVersion } from '../../src/xpmn/jingle/transports/ibb-codec.ts';
import { IbbRouter } from '../../src/xpmn/jingle/transports/ibb-router.ts';
import { parseJid } from '../../src/xpmn/model/jid.ts';
import type { TransportMethod } from '../../src/xpmn/ports/transport.ts';
import { channelPair } from './channel-pair.ts';
import type { ChannelPair } from './channel-pair.ts';
import { settings } from './settings.ts';

export interface IbbRig {
  readonly pair: ChannelPair;
  readonly initiator: TransportMethod;
  readonly responder: TransportMethod;
  readonly routers: readonly IbbRouter[];
}

/** Initiator `a` and responder `b` on two ends of a path through a server. */
export function ibbRig(clock: Clock, version: IbbVersion, { a = {}, b = {} }: { readonly a?: Partial<IbbOptions>; readonly b?: Partial<IbbOptions> } = {}): IbbRig {
  const pair = channelPair({ clock, random: systemRandom, a: parseJid('romeo@montague.lit/orchard'), b: parseJid('juliet@capulet.lit/balcony') });
  const routers: IbbRouter[] = [];
  const side = (end: 'a' | 'b', options: Partial<IbbOptions>): TransportMethod => {
    const router = new IbbRouter(pair[end].router);
    routers.push(router);
    return createIbbTransport({ channel: pair[end].channel, router, clock, random: systemRandom }, version, { ...settings.ibb, ...options });
  };
  return { pair, initiator: side('a', a), responder: side('b', b), routers };
}
