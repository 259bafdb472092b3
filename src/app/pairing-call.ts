import { createXmlStreamMethod } from '../xpmn/jingle/applications/xml-stream.ts';
import { createSrpCb } from '../xpmn/jingle/security/srp-cb.ts';
import { fingerprintOf } from '../xpmn/jingle/security/tls.ts';
import { dialDirect } from '../xpmn/jingle/transports/direct-tcp.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { abortReason } from '../xpmn/kernel/tasks.ts';
import type { Jid } from '../xpmn/model/jid.ts';
import type { PairingPin } from '../xpmn/ports/pairing-pin.ts';
import type { FoundService } from '../xpmn/ports/service-discovery.ts';
import type { StanzaChannel } from '../xpmn/ports/stanza-channel.ts';
import { AcceptedStreams } from '../xpmn/serverless/accepted-streams.ts';
import type { ServerlessEndpoint } from '../xpmn/serverless/endpoint.ts';
import { secureAsInitiator } from '../xpmn/serverless/initiator.ts';
import { openChannel } from '../xpmn/serverless/secure.ts';
import { deviceKeyOf } from '../xpmn/trust/certificate.ts';
import type { DeviceCredentials } from '../xpmn/trust/device-credentials.ts';
import { IqRouter } from '../xpmn/xmpp/iq-router.ts';
import { gatewaySettings } from './gateway-settings.ts';
import type { SetupDeps } from './setup-api.ts';

export interface PairingCall {
  /** Of this machine, as a device that nobody lists yet. */
  readonly credentials: DeviceCredentials;
  readonly host: Jid;
  readonly service: FoundService;
  readonly pin: string;
}

/** Calls a device on the link, proves the PIN to it and lets it prove that it knows it, and runs `talk` on that stream. */
export async function callToPair<T>(deps: SetupDeps, { credentials, host, service, pin }: PairingCall, signal: AbortSignal, talk: (channel: StanzaChannel) => Promise<T>): Promise<T> {
  const { clock, config } = deps;
  const own = endpointOf(deps, credentials, usedOnce(pin));
  const options = config.linkLocal;
  const targets = service.addresses.map((address) => ({ host: address, port: service.port }));
  const socket = await dialDirect({ clock }, targets, config.directTcp, signal);
  const secured = await secureAsInitiator(socket, { own, peer: host, introduce: false, signal }, { clock }, options);
  const stream = await openChannel(own, secured, { clock }, options, signal);
  try {
    return await talk(stream.channel);
  } finally {
    await stream.close({ signal: AbortSignal.any([signal, AbortSignal.timeout(config.xmlStream.closeTimeout)]) }).catch(() => stream.destroy(abortReason(signal)));
  }
}

/** It offers no way but the PIN, and nobody is accepted otherwise. */
function endpointOf({ clock, random, log, config }: SetupDeps, { jid, certificate, privateKey }: DeviceCredentials, pin: PairingPin): ServerlessEndpoint {
  const method = createSrpCb({ credentials: { certificate: certificate.pem, privateKey }, clock, random, pin, keyOf: deviceKeyOf }, { ...config.tls, ...config.pairing });
  const { device } = gatewaySettings(config);
  return {
    local: jid,
    fingerprint: fingerprintOf(certificate.der),
    methods: () => [method],
    accept: () => Promise.reject(new XpmnError('not-trusted', 'Only the PIN counts here.')),
    channelMethod: createXmlStreamMethod({ clock, random, log, router: new IqRouter({ log }, device.iq) }, device.endToEnd),
    streams: new AcceptedStreams(),
    onChannel: () => undefined,
  };
}

/** The PIN that was typed is good for one run. It lies nowhere but in memory, so there is nothing to burn it on. */
function usedOnce(pin: string): PairingPin {
  let isUsed = false;
  return {
    begin() {
      if (isUsed) return undefined;
      isUsed = true;
      return { pin, burn: () => Promise.resolve(), done: () => undefined };
    },
  };
}
