import type { GatewaySettings } from '../xpmn/gateway/gateway-settings.ts';
import type { NotifyVariant } from '../xpmn/profiles/management-notifier.ts';
import type { CredentialsFileOptions } from '../xpmn/trust/credentials-file.ts';
import type { TrustOptions } from '../xpmn/trust/options.ts';
import type { XmppConnectionOptions } from '../xpmn/xmpp/connection.ts';
import type { GatewayConfig } from './config.ts';

/** The configuration, sorted by the parts that read it. */
export function gatewaySettings(config: GatewayConfig): GatewaySettings {
  const { listener, ...socks5 } = config.socks5;
  const { listener: directListener, ...dial } = config.directTcp;
  return {
    device: {
      iq: config.iq,
      jingle: config.jingle,
      ibb: config.ibb,
      socks5,
      tls: config.tls,
      linkLocal: { ...config.linkLocal, dial },
      pairing: { ...config.tls, ...config.pairing },
      endToEnd: { ...config.xmlStream, limits: config.xml.endToEndStream, iq: config.iq },
      pingAfterInBand: config.xmlStream.pingAfterInBand,
      outOfBand: config.outOfBand,
      heads: config.trust,
      links: config.links,
      turnedAway: config.gateway.turnedAway,
    },
    pool: config.outOfBand,
    windowBudget: config.outOfBand.windowBudget,
    inProcess: config.inProcess,
    listener,
    linkLocal: { ...config.linkLocal, ...directListener },
    acceptor: { ...config.gateway, presented: config.xml.presentedLists },
    directory: config.directory,
    directoryController: config.directory,
    transferController: config.transfer,
    playback: config.playback,
    player: config.player,
    watch: config.watch,
    pubsub: config.pubsub,
    mediaPort: config.mediaPort,
    feed: config.feed,
    logins: config.xmpp.clientCertificates,
    pairing: { ...config.pairing, ...config.trust },
    account: {
      ...config.account, ...config.xmpp.presence, ...config.xmpp.caps,
      trust: trustOptions(config),
      management: { ...config.management, notify: config.management.notify as NotifyVariant, pubsub: config.pubsub, trust: trustOptions(config) },
    },
    ...config.gateway,
  };
}

export function serverOptions(config: GatewayConfig): XmppConnectionOptions {
  return { ...config.xmpp.server, limits: config.xml.serverStream };
}

export function trustOptions(config: GatewayConfig): TrustOptions & CredentialsFileOptions {
  return { ...config.trust, xml: config.xml.trustList };
}
