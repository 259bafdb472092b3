import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import type { ContentDirectoryOptions } from './content-directory.ts';
import type { DescriptionLimits } from './description.ts';
import type { DiscoveryOptions } from './discovery.ts';
import type { GenaOptions } from './gena-options.ts';
import type { RequesterOptions } from './http-requester.ts';
import type { DescriberOptions } from './describer.ts';
import type { MediaRendererOptions } from './media-renderer.ts';
import type { MediaServerOptions } from './media-server.ts';
import type { SsdpSocketOptions } from './dgram-ssdp-socket.ts';

/** The section `upnp` of the configuration, as far as the control point goes. Times in milliseconds unless said. */
export interface UpnpOptions {
  readonly ssdp: SsdpSocketOptions;
  readonly discovery: DiscoveryOptions;
  readonly requester: RequesterOptions;
  readonly describe: {
    readonly xml: XmlLimits;
    readonly limits: DescriptionLimits;
    /** Pauses between attempts to describe a device. */
    readonly backOff: DescriberOptions;
  };
  readonly contentDirectory: ContentDirectoryOptions;
  readonly mediaServer: MediaServerOptions;
  readonly renderer: MediaRendererOptions;
  readonly gena: GenaOptions;
  /** Further hosts that the owner lets media come from, as in URLs. */
  readonly mediaHosts: readonly string[];
  /** `modelName` of what gateways export: never imported. */
  readonly exportModelName: string;
}
