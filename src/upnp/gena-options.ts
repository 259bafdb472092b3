import type { XmlLimits } from '../xpmn/model/xml-parser.ts';
import type { CallbackOptions } from './callback-server.ts';
import type { GenaTiming } from './gena-machine.ts';

/** The section `upnp.gena` of the configuration. Times in milliseconds unless said. */
export interface GenaOptions extends GenaTiming {
  /** Seconds that are asked for. */
  readonly timeout: number;
  /** How long the devices are told, where everything ends. */
  readonly farewell: number;
  /** Of bodies, that are read for one subscription, and twice as many in a burst; what goes beyond is taken for missed. */
  readonly bytesPerSecond: number;
  /** Of the body of a NOTIFY. */
  readonly xml: XmlLimits;
  readonly callback: CallbackOptions;
}
