import type { CandidateType } from './s5b-codec.ts';
import { hostAddresses } from './host-candidates.ts';
import type { LocalAddresses } from './host-candidates.ts';

export interface OfferableAddress {
  readonly host: string;
  readonly port: number;
  /** The address of this machine at which connections to `host` arrive. */
  readonly localHost: string;
}

/** One kind of candidate, best address first. Another kind (mapped by the router, a relay) is another implementation. */
export interface CandidateSource {
  readonly type: CandidateType;
  addresses(options: { readonly signal: AbortSignal }): Promise<readonly OfferableAddress[]>;
}

/** The machine's own addresses, with the port of the process' listener; none while that is closed. */
export function createHostSource(
  { listener, addresses }: { readonly listener: { readonly port: number | undefined }; readonly addresses: LocalAddresses },
  options: { readonly loopback: boolean },
): CandidateSource {
  return {
    type: 'direct',
    addresses: () => {
      const { port } = listener;
      const hosts = port === undefined ? [] : hostAddresses(addresses(), options);
      return Promise.resolve(hosts.map((host) => ({ host, port: port as number, localHost: host })));
    },
  };
}
