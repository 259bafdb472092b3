import { Resolver } from 'node:dns/promises';
import { domainToASCII } from 'node:url';
import type { Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { abortable } from '../../kernel/tasks.ts';
import type { ServerAddress } from './link.ts';

export interface SrvRecord {
  readonly name: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** SRV records of a name. @throws as node:dns; ENOTFOUND and ENODATA are an answer: there are none */
export type ResolveSrv = (name: string, signal: AbortSignal) => Promise<readonly SrvRecord[]>;

/** Where to connect, and whether TLS begins at once there. */
export interface Endpoint extends ServerAddress {
  readonly direct: boolean;
}

export interface EndpointOptions {
  /** Endpoints tried in one attempt. */
  readonly endpoints: number;
}

/**
 * Where the domain's server is: SRV records of both kinds in one order, or port 5222 of the domain itself if there are
 * none. DNS is not believed for more than that: who the server is, its certificate says.
 *
 * @spec RFC 6120 §3.2
 * @spec XEP-0368 v1.1.0 §3
 * @throws XpmnError `server-unreachable` if the domain says that it has no such service; the signal's reason
 */
export async function findEndpoints(
  domain: string,
  { resolveSrv, random, signal }: { readonly resolveSrv: ResolveSrv; readonly random: Random; readonly signal: AbortSignal },
  options: EndpointOptions,
): Promise<Endpoint[]> {
  const name = domainToASCII(domain) || domain;
  const kinds = [['_xmpps-client._tcp', true], ['_xmpp-client._tcp', false]] as const;
  const lookUp = async ([service, direct]: (typeof kinds)[number]): Promise<(SrvRecord & { direct: boolean })[]> => {
    const records = await abortable(resolveSrv(`${service}.${name}`, signal).catch(() => []), signal);
    return records.map((record) => ({ ...record, direct }));
  };
  const found = (await Promise.all(kinds.map(lookUp))).flat();
  if (found.length === 0) return [{ host: name, port: 5222, direct: false }];
  // RFC 2782: "A Target of "." means that the service is decidedly not available at this domain."
  const usable = found.filter((record) => record.name !== '' && record.name !== '.' && record.port > 0);
  if (usable.length === 0) throw new XpmnError('server-unreachable', `${domain} says that it has no XMPP server.`);
  return inOrder(usable, random).slice(0, options.endpoints).map(({ name: host, port, direct }) => ({ host, port, direct }));
}

/** RFC 2782: by priority; among equals at random, by weight. */
export function inOrder<R extends SrvRecord>(records: readonly R[], random: Random): R[] {
  const left = [...records];
  const ordered: R[] = [];
  while (left.length > 0) {
    const priority = Math.min(...left.map((record) => record.priority));
    const group = left.filter((record) => record.priority === priority);
    // A weight of 0 still has a small chance.
    const weigh = (record: R): number => record.weight + 0.01;
    let point = random.fraction() * group.reduce((sum, record) => sum + weigh(record), 0);
    const chosen = group.find((record) => (point -= weigh(record)) < 0) ?? (group[0] as R);
    ordered.push(chosen);
    left.splice(left.indexOf(chosen), 1);
  }
  return ordered;
}

/** The machine's own resolver. */
export const systemResolveSrv: ResolveSrv = async (name, signal) => {
  const resolver = new Resolver({ timeout: 3000, tries: 2 });
  const cancel = (): void => resolver.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    return await resolver.resolveSrv(name);
  } finally {
    signal.removeEventListener('abort', cancel);
  }
};
