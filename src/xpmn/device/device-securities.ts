import { createSrpCb } from '../jingle/security/srp-cb.ts';
import { createX509, fingerprintOf } from '../jingle/security/tls.ts';
import type { Clock, Random } from '../kernel/clock.ts';
import type { Jid } from '../model/jid.ts';
import { COMPARISON } from '../pairing/comparison.ts';
import type { PairingPin } from '../ports/pairing-pin.ts';
import type { SecurityMethod } from '../ports/security.ts';
import { deviceKeyOf } from '../trust/certificate.ts';
import type { DeviceCredentials } from '../trust/device-credentials.ts';
import type { DeviceSettings } from './device-settings.ts';

export interface DevicePairing extends PairingPin {
  /** Whether somebody may prove a PIN now; else the method is not even offered. */
  readonly isOpen: boolean;
}

export interface DeviceButton extends DevicePairing {
  proven(peer: Jid, exporter: Buffer): void;
}

export interface SecuritiesSpec {
  readonly credentials: DeviceCredentials;
  /** Of a device with which others can be paired. */
  readonly pairing?: DevicePairing | undefined;
  /** `srp` with the PINs of `pairing`, where it can be had: one for the process, since it counts what runs. */
  readonly srp?: SecurityMethod | undefined;
  /** The same without any proof, on the local link alone. */
  readonly button?: DeviceButton | undefined;
}

/** How a device secures its sessions, and with whom it would pair. */
export class DeviceSecurities {
  /** For devices that the lists name; in order of preference. */
  readonly listed: readonly SecurityMethod[];
  /** SHA-1 of its certificate, lower-case hex. */
  readonly fingerprint: string;
  /** For whoever has a PIN to prove; in order of preference. */
  private readonly pinMethods: readonly SecurityMethod[];
  private readonly buttonMethod: SecurityMethod | undefined;
  private readonly spec: SecuritiesSpec;

  constructor(spec: SecuritiesSpec, { clock, random }: { readonly clock: Clock; readonly random: Random }, settings: Pick<DeviceSettings, 'tls' | 'pairing'>) {
    const { credentials: { certificate, privateKey }, pairing, button, srp } = spec;
    const credentials = { certificate: certificate.pem, privateKey };
    const proof = { credentials, clock, random, keyOf: deviceKeyOf };
    this.spec = spec;
    this.listed = [createX509({ credentials, clock }, settings.tls)];
    this.pinMethods = pairing ? [createSrpCb({ ...proof, pin: pairing }, settings.pairing), ...(srp ? [srp] : [])] : [];
    this.buttonMethod = button && createSrpCb({ ...proof, pin: button, proven: (peer, exporter) => button.proven(peer, exporter(COMPARISON.label, COMPARISON.length)) }, settings.pairing, 'button-cb');
    this.fingerprint = fingerprintOf(certificate.der);
  }

  /** Only while the user has a pairing window open. */
  get openPinMethods(): readonly SecurityMethod[] {
    return this.spec.pairing?.isOpen ? this.pinMethods : [];
  }

  /** On the local link, where a button may do instead. */
  get openPairingMethods(): readonly SecurityMethod[] {
    return [...this.openPinMethods, ...(this.buttonMethod && this.spec.button?.isOpen ? [this.buttonMethod] : [])];
  }
}
