import { XpmnError } from '../../kernel/errors.ts';
import type { ErrorCode } from '../../kernel/errors.ts';
import { elements, textOf } from '../../model/xml.ts';
import type { XmlElement } from '../../model/xml.ts';
import type { ServerAddress } from './link.ts';

/** @spec RFC 6120 §4.9 */
const NS_STREAMS = 'urn:ietf:params:xml:ns:xmpp-streams';

/** What a server's stream error means for us; everything else is a lost connection, and tried again. */
const CODES: Readonly<Record<string, ErrorCode>> = { conflict: 'conflict', 'not-authorized': 'login-failed' };

/** Our own failure as the condition that the server is told. */
const CONDITIONS: Partial<Readonly<Record<ErrorCode, string>>> = {
  'malformed': 'not-well-formed',
  'xml-restricted': 'restricted-xml',
  'too-large': 'policy-violation',
};

export function isStreamError(element: XmlElement): boolean {
  return element.name === 'error' && element.ns === 'http://etherx.jabber.org/streams';
}

export function fromStreamError(error: XmlElement): XpmnError {
  const conditions = elements(error).filter((part) => part.ns === NS_STREAMS && part.name !== 'text');
  const [condition] = conditions;
  const name = condition?.name.slice(0, 40) ?? 'undefined-condition';
  const address = name === 'see-other-host' && condition ? textOf(condition).trim().slice(0, 300) : undefined;
  return new XpmnError(CODES[name] ?? 'connection-lost', name === 'host-unknown' ? 'The server does not serve this domain.' : `The server ended the stream: ${name}.`, {
    details: address === undefined ? { condition: name } : { condition: name, address },
  });
}

/** Text that tells the server why we end the stream. */
export function streamErrorText(error: XpmnError): string {
  const condition = CONDITIONS[error.code];
  return condition === undefined ? '' : `<stream:error><${condition} xmlns='${NS_STREAMS}'/></stream:error>`;
}

/** Where a see-other-host points: `host`, `host:port` or `[v6]:port`. */
export function otherHost(error: XpmnError): ServerAddress | undefined {
  const { address } = error.details;
  const match = typeof address === 'string' ? /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]\s/]+))(?::(\d{1,5}))?$/.exec(address) : null;
  const port = Number(match?.[3] ?? 5222);
  const host = match?.[1] ?? match?.[2];
  return host === undefined || port < 1 || port > 65535 ? undefined : { host, port };
}

/**
 * Whether trying again is pointless or harmful. Only what the proven server said inside TLS is final: what anybody on the
 * path can cause must not switch us off for good.
 */
export function isFinal(reason: XpmnError): boolean {
  return reason.code === 'login-failed' || reason.code === 'not-supported' || reason.code === 'conflict';
}
