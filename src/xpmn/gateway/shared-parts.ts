import type { DeviceShared } from '../device/device-shared.ts';
import { SendPool } from '../jingle/applications/oob-pool.ts';
import { WindowBudget } from '../jingle/applications/oob-window.ts';
import { createAcceptor } from '../links/acceptor.ts';
import { LocalExchange } from '../links/local-exchange.ts';
import type { Jid } from '../model/jid.ts';
import type { Network } from '../trust/network.ts';
import type { GatewaySettings } from './gateway-settings.ts';

export interface SharedPartsDeps extends Pick<DeviceShared, 'clock' | 'random' | 'log' | 'addresses' | 'connect' | 'listener' | 'linkLocal' | 'features' | 'isAvailable'> {
  readonly network: Network;
  /** Reads what an account has published. */
  lookUp(account: Jid): Promise<void>;
}

/** What the devices of one gateway share, each thing once. */
export function sharedParts({ network: { lists }, lookUp, ...given }: SharedPartsDeps, settings: GatewaySettings): DeviceShared {
  const { clock, random, log } = given;
  return {
    ...given,
    lists,
    acceptor: createAcceptor({ lists, clock, log, lookUp }, settings.acceptor),
    exchange: new LocalExchange({ random }, settings.inProcess),
    pool: new SendPool(settings.pool),
    budget: new WindowBudget(settings.windowBudget),
  };
}
