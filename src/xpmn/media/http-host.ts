import { isIP } from 'node:net';

/**
 * SECURITY: whether a request may have come for us by that `Host`. Players are given addresses, never names; a name means a
 * web page that had its own name point here (DNS rebinding). Old players send none at all, which no browser does.
 */
export function isOwnHost(host: string | undefined): boolean {
  if (host === undefined || host === '') return true;
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(host.trim());
  const [bracketed, bare] = [match?.[1], match?.[2]];
  if (bracketed !== undefined) return isIP(bracketed.replace(/%.*$/, '')) === 6;
  return bare !== undefined && (isIP(bare) === 4 || bare.toLowerCase() === 'localhost');
}

/** `host:port`, as in a URL. The zone of an IPv6 address means nothing to anybody else. */
export function formatAuthority({ host, port }: { readonly host: string; readonly port: number }): string {
  return `${host.includes(':') ? `[${host.replace(/%.*$/, '')}]` : host}:${port}`;
}
