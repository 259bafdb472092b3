import { createXmlStreamMethod } from '../xpmn/jingle/applications/xml-stream.ts';
import type { EndToEndStream } from '../xpmn/jingle/applications/end-to-end-stream.ts';
import { createSrpCb } from '../xpmn/jingle/security/srp-cb.ts';
import { fingerprintOf } from '../xpmn/jingle/security/tls.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { BUTTON_PIN } from '../xpmn/pairing/button-window.ts';
import { COMPARISON } from '../xpmn/pairing/comparison.ts';
import type { ApplicationMethod } from '../xpmn/ports/application.ts';
import type { PairingPin } from '../xpmn/ports/pairing-pin.ts';
import type { AcceptPeer, SecurityMethod } from '../xpmn/ports/security.ts';
import { deviceKeyOf } from '../xpmn/trust/certificate.ts';
import type { DeviceCredentials } from '../xpmn/trust/device-credentials.ts';
import { IqRouter } from '../xpmn/xmpp/iq-router.ts';
import { gatewaySettings } from './gateway-settings.ts';
import type { SetupDeps } from './setup-api.ts';

/** What a machine brings to a call in which it wants to be paired, on whichever path. */
export interface Newcomer {
  readonly fingerprint: string;
  /** The only ones it offers. */
  readonly securities: readonly SecurityMethod[];
  readonly accept: AcceptPeer;
  readonly channelMethod: ApplicationMethod<EndToEndStream>;
}

/** How it proves itself: by a PIN, and is told when that is `spent`; or by nothing, and then it takes the keying material to compare (`COMPARISON`). */
export type Proof = { readonly kind: 'pin'; readonly pin: string; spent?(): void } | { readonly kind: 'button'; proven(exporter: Buffer): void };

/** It offers no way but that one, and nobody is accepted otherwise. */
export function newcomer({ clock, random, log, config }: SetupDeps, { certificate, privateKey }: DeviceCredentials, proof: Proof): Newcomer {
  const { device } = gatewaySettings(config);
  const deps = { credentials: { certificate: certificate.pem, privateKey }, clock, random, keyOf: deviceKeyOf };
  const security = proof.kind === 'pin'
    ? createSrpCb({ ...deps, pin: usedOnce(proof.pin, () => proof.spent?.()) }, device.pairing)
    : createSrpCb({ ...deps, pin: usedOnce(BUTTON_PIN, () => undefined), proven: (_, exporter) => proof.proven(exporter(COMPARISON.label, COMPARISON.length)) }, device.pairing, 'button-cb');
  return {
    fingerprint: fingerprintOf(certificate.der),
    securities: [security],
    accept: () => Promise.reject(new XpmnError('not-trusted', 'Only the proof counts here.')),
    // It answers nothing, whatever it is asked.
    channelMethod: createXmlStreamMethod({ clock, random, log, router: new IqRouter({ log }, device.iq) }, device.endToEnd),
  };
}

/** The PIN that was typed is good for one run. It lies nowhere but in memory, so there is nothing to burn it on. */
function usedOnce(pin: string, spent: () => void): PairingPin {
  let isUsed = false;
  return {
    begin() {
      if (isUsed) return undefined;
      isUsed = true;
      return { pin, burn: () => Promise.resolve(spent()), done: () => undefined, lost: () => undefined };
    },
  };
}
