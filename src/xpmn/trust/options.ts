import type { XmlLimits } from '../model/xml-parser.ts';
import type { SealOptions } from './sealed-file.ts';

/** The settings of `trust`, and `xml.trustList`. Durations in milliseconds, sizes in bytes. */
export interface TrustOptions {
  readonly xml: XmlLimits;
  /** Entries of one list, removed keys included. */
  readonly listEntries: number;
  /** A list expires this long after it was issued, whatever it says. */
  readonly listLifetime: number;
  /** An unchanged list is issued again after this. */
  readonly reissueAfter: number;
  /** How far a friend's clock may be ahead of ours. */
  readonly friendClockAhead: number;
  /** Lists in one answer, and their bytes: an answer must fit into a stanza. */
  readonly listsPerAnswer: number;
  readonly answerBytes: number;
  /** Heads that a peer may send at once. */
  readonly heads: number;
  /** `hosted` lists kept for one network. */
  readonly hostedLists: number;
  /** Removed keys remembered from one signer's lists of one type. */
  readonly removedKeys: number;
  /** Overtaken lists kept of one signer and type. */
  readonly overtakenLists: number;
  /** Lists that removed devices of my network, kept for those. */
  readonly farewellLists: number;
  /** Old JIDs of a device that stay valid among own devices. */
  readonly aliases: number;
  readonly certificateYears: number;
  /** Bytes of a published certificate, and the signatures of one. */
  readonly certificateBytes: number;
  readonly certificateSignatures: number;
  /** Of everything that lies under a password: credentials, backups, the user key. */
  readonly credentials: SealOptions;
}
