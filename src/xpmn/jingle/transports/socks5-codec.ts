/**
 * The part of SOCKS5 that bytestreams use: no authentication, CONNECT, all three address types.
 *
 * Decoders take what has arrived so far and return the message with its size, or undefined while it is incomplete. Every
 * message has a largest size, so a caller that keeps what is undecided never keeps more than MAX_MESSAGE bytes.
 *
 * @spec RFC 1928 §3, §4, §5, §6
 * @spec XEP-0065 v1.8.2 §5.3.2, §10.2
 */
import { XpmnError } from '../../kernel/errors.ts';
import { ipBytes, ipText } from '../../kernel/ip-address.ts';

export const NO_AUTHENTICATION = 0x00;
export const NO_ACCEPTABLE_METHOD = 0xff;
export const CONNECT = 0x01;
/** The longest message: a request or reply with a domain name of 255 bytes. */
export const MAX_MESSAGE = 262;

export const REPLY = { succeeded: 0x00, notAllowed: 0x02, hostUnreachable: 0x04, commandNotSupported: 0x07 } as const;

const VERSION = 0x05;
const ATYP = { ipv4: 0x01, domain: 0x03, ipv6: 0x04 } as const;

export type AddressType = keyof typeof ATYP;

/** A request's destination, or a reply's bound address. */
export interface Endpoint {
  readonly type: AddressType;
  readonly host: string;
  readonly port: number;
}

export interface Request extends Endpoint {
  readonly command: number;
}

export interface Reply extends Endpoint {
  readonly status: number;
}

export interface Decoded<T> {
  readonly value: T;
  /** Bytes that the message took; what follows belongs to whatever comes next. */
  readonly size: number;
}

/** @throws XpmnError `malformed` as soon as the bytes can't become a message */
export type Decoder<T> = (bytes: Uint8Array) => Decoded<T> | undefined;

export function encodeGreeting(methods: readonly number[]): Buffer {
  return Buffer.from([VERSION, methods.length, ...methods]);
}

export function encodeChoice(method: number): Buffer {
  return Buffer.from([VERSION, method]);
}

export function encodeRequest(request: Request): Buffer {
  return Buffer.concat([Buffer.from([VERSION, request.command, 0]), encodeEndpoint(request)]);
}

export function encodeReply(reply: Reply): Buffer {
  return Buffer.concat([Buffer.from([VERSION, reply.status, 0]), encodeEndpoint(reply)]);
}

/** The methods that a client offers. */
export const decodeGreeting: Decoder<readonly number[]> = (bytes) => {
  checkVersion(bytes);
  const count = bytes[1];
  if (count === undefined) return undefined;
  if (count === 0) throw malformed('A SOCKS5 greeting offers no method.');
  const size = 2 + count;
  return bytes.length < size ? undefined : { value: [...bytes.subarray(2, size)], size };
};

/** The method that a server chose. */
export const decodeChoice: Decoder<number> = (bytes) => {
  checkVersion(bytes);
  const method = bytes[1];
  return method === undefined ? undefined : { value: method, size: 2 };
};

export const decodeRequest: Decoder<Request> = (bytes) => {
  const endpoint = decodeEndpoint(bytes);
  return endpoint && { value: { command: bytes[1] as number, ...endpoint.value }, size: endpoint.size };
};

/** COMPAT(proxies, since always): some answer with another address type than was asked; any of the three is read. */
export const decodeReply: Decoder<Reply> = (bytes) => {
  const endpoint = decodeEndpoint(bytes);
  return endpoint && { value: { status: bytes[1] as number, ...endpoint.value }, size: endpoint.size };
};

function encodeEndpoint({ type, host, port }: Endpoint): Buffer {
  const name = type === 'domain' ? Buffer.from(host, 'latin1') : ipBytes(host, { mapped: type === 'ipv6' });
  const fits = name !== undefined && (type === 'domain' ? name.length > 0 && name.length < 256 : name.length === (type === 'ipv4' ? 4 : 16));
  if (!fits) throw new XpmnError('internal', 'That is no SOCKS5 address.');
  const length = type === 'domain' ? [name.length] : [];
  return Buffer.concat([Buffer.from([ATYP[type], ...length]), name, Buffer.from([port >> 8, port & 0xff])]);
}

/** The shape that requests and replies share: version, code, reserved, address, port. */
function decodeEndpoint(bytes: Uint8Array): Decoded<Endpoint> | undefined {
  checkVersion(bytes);
  const type = addressType(bytes[3]);
  if (type === undefined) return undefined;
  const length = type === 'ipv4' ? 4 : type === 'ipv6' ? 16 : bytes[4];
  if (length === undefined) return undefined;
  if (length === 0) throw malformed('A SOCKS5 address is empty.');
  const start = type === 'domain' ? 5 : 4;
  const size = start + length + 2;
  if (bytes.length < size) return undefined;
  const name = bytes.subarray(start, start + length);
  const host = type === 'domain' ? Buffer.from(name).toString('latin1') : ipText(name);
  return { value: { type, host, port: ((bytes[size - 2] as number) << 8) | (bytes[size - 1] as number) }, size };
}

function addressType(byte: number | undefined): AddressType | undefined {
  if (byte === undefined) return undefined;
  for (const [type, code] of Object.entries(ATYP)) if (code === byte) return type as AddressType;
  throw malformed('A SOCKS5 address has an unknown type.');
}

function checkVersion(bytes: Uint8Array): void {
  if (bytes.length > 0 && bytes[0] !== VERSION) throw malformed('The other side does not speak SOCKS5.');
}

function malformed(message: string): XpmnError {
  return new XpmnError('malformed', message);
}
