import { lookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { XpmnError } from '../../xpmn/kernel/errors.ts';

/** Whether an address may be connected to. */
export type MayConnect = (address: string) => boolean;

export type Resolve = (name: string, done: (error: Error | null, addresses: readonly LookupAddress[]) => void) => void;

/** Of a name that is not found there are no addresses, whatever the types of `lookup` say. */
const systemResolve: Resolve = (name, done) => lookup(name, { all: true, verbatim: true }, (error, addresses) => done(error, error ? [] : addresses));

/**
 * SECURITY: the addresses of a name are judged where they are used, in the connection itself: between a check and a
 * second look a name can change its meaning. One that may not be connected to spoils all: an honest name has none.
 */
export function guardedLookup(mayConnect: MayConnect, resolve: Resolve = systemResolve): LookupFunction {
  return (name, options, done) => {
    resolve(name, (error, addresses) => {
      const [first] = addresses;
      if (error || !first) done(new XpmnError('origin-unreachable', `The name ${name} has no address: is it spelt right?`, { cause: error ?? undefined }), '');
      else if (!addresses.every(({ address }) => mayConnect(address))) done(refused(), '');
      else if (options.all) done(null, [...addresses]);
      else done(null, first.address, first.family);
    });
  };
}

/** What is an address already is never looked up. @throws XpmnError `not-allowed` */
export function assertMayConnect({ hostname }: URL, mayConnect: MayConnect): void {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (isIP(address) !== 0 && !mayConnect(address)) throw refused();
}

function refused(): XpmnError {
  return new XpmnError('not-allowed', 'That URL leads to a local address.');
}
