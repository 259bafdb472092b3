import { createSrp } from '../xpmn/jingle/security/srp/srp.ts';
import { isSrpAvailable } from '../xpmn/jingle/security/srp/srp-available.ts';
import { asXpmnError } from '../xpmn/kernel/errors.ts';
import { throwIfAborted } from '../xpmn/kernel/tasks.ts';
import { provenByPin } from '../xpmn/pairing/joiner-key.ts';
import type { PairingPin } from '../xpmn/ports/pairing-pin.ts';
import type { SecurityMethod } from '../xpmn/ports/security.ts';
import type { GatewayDeps } from './gateway-api.ts';

/**
 * `srp`, for pairing with devices of other makes; undefined where this machine can't run it, which is no error: it is not
 * offered then.
 * @throws the signal's reason
 */
export async function srpIfAvailable({ clock, random, log, config }: Omit<GatewayDeps, 'storage' | 'version'>, pin: PairingPin, signal: AbortSignal): Promise<SecurityMethod | undefined> {
  const isAvailable = await isSrpAvailable({ clock, signal }, config.srp).catch((error: unknown) => {
    throwIfAborted(signal);
    log.warn('whether TLS-SRP can be run here could not be found out', { error: asXpmnError(error) });
    return false;
  });
  if (!isAvailable) log.info('TLS-SRP can\'t be run here: devices of other makes can\'t be paired by it');
  return isAvailable ? createSrp({ clock, random, pin, identify: ({ context }) => Promise.resolve(provenByPin(context)) }, config.srp) : undefined;
}
