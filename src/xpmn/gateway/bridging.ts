import { createHash } from 'node:crypto';
import { base32 } from '../kernel/ids.ts';
import type { KeyName } from '../model/identity.ts';

/** Bytes of the hash that names a legacy device: enough that two devices of one home never share a name. */
const BYTES = 15;

/**
 * What a bridged device says about its origin: a name that other gateways of the same owner can compute, too, and nobody
 * else can link to the device's UDN or bus name.
 */
export function bridgeName(network: KeyName, deviceId: string): string {
  return base32(createHash('sha256').update(`xpmn-bridge-v1\0${network}\0${deviceId}`).digest().subarray(0, BYTES));
}

/** "When two own gateways see the same UDN, the one with the lower key bridges it." */
export function yieldsTo(own: KeyName, other: KeyName): boolean {
  return other < own;
}
