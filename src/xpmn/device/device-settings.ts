import type { OobOptions } from '../jingle/applications/oob-session.ts';
import type { EndToEndOptions } from '../jingle/applications/end-to-end-stream.ts';
import type { JingleOptions } from '../jingle/manager.ts';
import type { SrpCbOptions } from '../jingle/security/srp-cb.ts';
import type { TlsOptions } from '../jingle/security/tls.ts';
import type { IbbOptions } from '../jingle/transports/ibb.ts';
import type { Socks5Options } from '../jingle/transports/socks5-options.ts';
import type { HeadsOptions } from '../links/heads-exchange.ts';
import type { FirstWayOptions } from '../links/first-way.ts';
import type { LinkLocalDialerOptions } from '../serverless/link-local-dialer.ts';
import type { AnswerCacheOptions } from '../xmpp/answer-cache.ts';
import type { IqRouterOptions } from '../xmpp/iq-router.ts';

/** The numbers that one device runs with; each part's own options under the part's name. */
export interface DeviceSettings {
  readonly iq: IqRouterOptions & AnswerCacheOptions;
  readonly jingle: JingleOptions;
  readonly ibb: IbbOptions;
  readonly socks5: Socks5Options;
  readonly tls: TlsOptions;
  readonly linkLocal: LinkLocalDialerOptions;
  readonly pairing: SrpCbOptions;
  readonly endToEnd: EndToEndOptions;
  /** Milliseconds of silence before a stream through the server is asked whether it lives. */
  readonly pingAfterInBand: number;
  readonly outOfBand: OobOptions;
  readonly heads: HeadsOptions;
  readonly links: FirstWayOptions;
  /** Peers remembered for having turned us away. */
  readonly turnedAway: number;
}
