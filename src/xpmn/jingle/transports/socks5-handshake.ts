/**
 * Both ends of the SOCKS5 handshake on a connected socket. Afterwards the socket has no listener of ours but the one of
 * `keepQuiet`, does not flow, and holds whatever the peer sent after its last message.
 *
 * @spec RFC 1928 §3, §4, §6
 * @spec XEP-0065 v1.8.2 §5.3.2, §10.2
 */
import type { Duplex } from 'node:stream';
import { XpmnError } from '../../kernel/errors.ts';
import { lostWithin, readUntil } from '../../kernel/read-some.ts';
import {
  CONNECT, NO_ACCEPTABLE_METHOD, NO_AUTHENTICATION, REPLY, decodeChoice, decodeGreeting, decodeReply, decodeRequest,
  encodeChoice, encodeGreeting, encodeReply, encodeRequest,
} from './socks5-codec.ts';
import type { Decoder, Request } from './socks5-codec.ts';

/**
 * Asks for the bytestream named `destination`.
 *
 * SECURITY: the address was named by the peer and may be any service that this machine can reach. Until it has answered
 * like a SOCKS5 server it gets three constant bytes (05 01 00); then one CONNECT whose only variable part is 40 hex digits.
 * @throws XpmnError `malformed`, `not-allowed`, `connection-lost`; the signal's reason
 */
export async function requestBytestream(socket: Duplex, destination: string, signal: AbortSignal): Promise<void> {
  socket.write(encodeGreeting([NO_AUTHENTICATION]));
  if ((await readMessage(socket, decodeChoice, signal)) !== NO_AUTHENTICATION) throw refused('The SOCKS5 server wants authentication.');
  socket.write(encodeRequest({ command: CONNECT, type: 'domain', host: destination, port: 0 }));
  if ((await readMessage(socket, decodeReply, signal)).status !== REPLY.succeeded) throw refused('The SOCKS5 server knows no such bytestream.');
}

/**
 * Serves one client. `claim` says whether the destination it asks for exists here; only then it is told that it succeeded.
 * The caller destroys the socket when this rejects.
 * @throws XpmnError `malformed`, `not-allowed`, `connection-lost`; the signal's reason
 */
export async function serveBytestream(socket: Duplex, claim: (destination: string) => boolean, signal: AbortSignal): Promise<string> {
  const methods = await readMessage(socket, decodeGreeting, signal);
  if (!methods.includes(NO_AUTHENTICATION)) return refuse(socket, encodeChoice(NO_ACCEPTABLE_METHOD));
  socket.write(encodeChoice(NO_AUTHENTICATION));
  const request = await readMessage(socket, decodeRequest, signal);
  const status = statusFor(request, claim);
  const answer = encodeReply({ status, type: request.type, host: request.host, port: request.port });
  if (status !== REPLY.succeeded) return refuse(socket, answer);
  socket.write(answer);
  return request.host;
}

function statusFor({ command, type, host }: Request, claim: (destination: string) => boolean): number {
  if (command !== CONNECT) return REPLY.commandNotSupported;
  return type === 'domain' && claim(host) ? REPLY.succeeded : REPLY.notAllowed;
}

function refuse(socket: Duplex, answer: Buffer): never {
  socket.write(answer);
  throw refused('The SOCKS5 client asked for what is not here.');
}

function refused(message: string): XpmnError {
  return new XpmnError('not-allowed', message);
}

/** One message; what follows it goes back into the socket. */
function readMessage<T>(socket: Duplex, decode: Decoder<T>, signal: AbortSignal): Promise<T> {
  return readUntil(socket, decode, () => lostWithin('the SOCKS5 handshake'), signal);
}
