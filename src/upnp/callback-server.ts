import { createServer } from 'node:http';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import type { Random } from '../xpmn/kernel/clock.ts';
import { ConnectionsPerHost } from '../xpmn/kernel/connections-per-host.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';
import { ipBytes } from '../xpmn/kernel/ip-address.ts';
import type { Logger } from '../xpmn/kernel/log.ts';
import { readNotifyHead } from './gena-codec.ts';
import type { NotifyHead } from './gena-codec.ts';

export interface CallbackOptions {
  /** Of each listener; 0: any free one. */
  readonly port: number;
  readonly headerBytes: number;
  readonly bodyBytes: number;
  /** Milliseconds for one NOTIFY to come in. */
  readonly requestTimeout: number;
  /** Milliseconds that an idle connection is kept. */
  readonly keepAliveTimeout: number;
  readonly connections: number;
  /** Connections of one address. */
  readonly connectionsPerHost: number;
}

export interface NotifyMessage {
  readonly head: NotifyHead & { readonly sid: string };
  readonly headers: Readonly<Record<string, string>>;
  /** Undefined: too large, not to be kept. */
  readonly body: Buffer | undefined;
}

/** Whoever waits for the NOTIFYs of one subscription. */
export interface CallbackHandler {
  /** Addresses that they may come from; link-local ones with their scope. */
  readonly from: readonly string[];
  knows(sid: string): boolean;
  /** It has been answered. Must not throw. */
  notified(message: NotifyMessage): void;
}

/** Where NOTIFYs go. */
export interface Callback {
  /** Nobody can guess it. */
  readonly url: string;
  /** Nothing comes from here any more. Idempotent. */
  release(): void;
}

export interface CallbackDeps {
  readonly random: Random;
  readonly log: Logger;
}

/**
 * One listener on one address of this machine, for all that subscribe from there.
 *
 * SECURITY: a NOTIFY counts from the addresses of the device that was subscribed to, under a path that only it was told, and
 * with its SID. Nobody else's connections are kept.
 * @spec UPnP-DeviceArchitecture v2.0 §4.3.2
 */
export class CallbackServer {
  /** Resolves when it is gone. */
  readonly closed: Promise<void>;
  private readonly deps: CallbackDeps;
  private readonly options: CallbackOptions;
  private readonly handlers = new Map<string, CallbackHandler>();
  private readonly perHost: ConnectionsPerHost;
  private readonly server: Server;

  constructor(deps: CallbackDeps, options: CallbackOptions) {
    this.deps = deps;
    this.options = options;
    this.perHost = new ConnectionsPerHost(options.connectionsPerHost);
    const { headerBytes: maxHeaderSize, requestTimeout, keepAliveTimeout, connections } = options;
    // A device that writes no Host still has something to tell.
    const server = createServer({
      maxHeaderSize, requestTimeout, headersTimeout: requestTimeout, keepAliveTimeout, connectionsCheckingInterval: Math.ceil(requestTimeout / 4), requireHostHeader: false, noDelay: true,
    }, (request, response) => this.serve(request, response));
    server.maxConnections = connections;
    server.on('connection', (socket) => this.admit(socket));
    this.server = server;
    // By `once` of node:events an error would reject it, for which nobody waits: one is no end.
    this.closed = new Promise((resolve) => server.once('close', resolve));
  }

  /** @throws XpmnError `unreachable` if the address can't be had */
  async listen(host: string): Promise<void> {
    this.server.listen({ host, port: this.options.port, exclusive: true });
    try {
      await once(this.server, 'listening');
    } catch (cause) {
      throw new XpmnError('unreachable', `Events can't be listened for at ${host}.`, { cause });
    }
    // A connection that can't be accepted, for want of descriptors, is no reason to end.
    this.server.on('error', (error) => this.deps.log.warn('The listener for events failed.', { host, error: error.message }));
  }

  get isIdle(): boolean {
    return this.handlers.size === 0;
  }

  register(handler: CallbackHandler): { readonly url: string; readonly path: string } {
    const path = `/${this.deps.random.bytes(16).toString('hex')}`;
    this.handlers.set(path, handler);
    const { address, port } = this.server.address() as AddressInfo;
    // A scope means nothing to anybody else.
    const host = address.includes(':') ? `[${address.replace(/%.*$/, '')}]` : address;
    return { url: `http://${host}:${port}${path}`, path };
  }

  unregister(path: string): void {
    this.handlers.delete(path);
  }

  close(): void {
    this.handlers.clear();
    this.server.close();
    this.server.closeAllConnections();
  }

  private admit(socket: Socket): void {
    const { remoteAddress: address = '' } = socket;
    if ([...this.handlers.values()].some((handler) => isFrom(handler, address)) && this.perHost.admit(socket)) return;
    this.deps.log.debug('A connection for events was refused.', { address });
    socket.destroy();
  }

  private serve(request: IncomingMessage, response: ServerResponse): void {
    if (request.method !== 'NOTIFY') {
      refuse(response, 405, { Allow: 'NOTIFY' });
      return;
    }
    const handler = this.handlers.get(request.url ?? '');
    const head = readNotifyHead(headersOf(request));
    const { sid } = head;
    if (!handler || sid === undefined || !handler.knows(sid) || !isFrom(handler, request.socket.remoteAddress ?? '')) {
      refuse(response, 412);
      return;
    }
    this.read(request, (body) => {
      if (!handler.knows(sid) || this.handlers.get(request.url ?? '') !== handler) {
        refuse(response, 412);
        return;
      }
      // COMPAT: some devices send nothing more before they have an answer, or hold it back for long: it comes first.
      if (body) response.writeHead(200, { 'Content-Length': 0 }).end();
      else refuse(response, 413);
      handler.notified({ head: { ...head, sid }, headers: headersOf(request), body });
    });
  }

  /** Undefined for a body that is too large, as soon as it is; nothing for one that never ends. */
  private read(request: IncomingMessage, done: (body: Buffer | undefined) => void): void {
    const parts: Buffer[] = [];
    let size = 0;
    const onData = (part: Buffer): void => {
      size += part.length;
      parts.push(part);
      if (size <= this.options.bodyBytes) return;
      request.off('data', onData);
      request.off('end', onEnd);
      done(undefined);
    };
    const onEnd = (): void => done(Buffer.concat(parts, size));
    request.on('data', onData).on('end', onEnd);
    // Cut off: the gap in the numbers will tell.
    request.on('error', () => undefined);
  }
}

/** And no more on this connection. */
function refuse(response: ServerResponse, status: number, headers: Readonly<Record<string, string>> = {}): void {
  response.writeHead(status, { ...headers, 'Content-Length': 0, 'Connection': 'close' }).end();
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]])));
}

function isFrom({ from }: CallbackHandler, address: string): boolean {
  return from.some((one) => isSame(one, address));
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [ipBytes(one), ipBytes(other)];
  if (!a || !b || !a.equals(b)) return false;
  const [scope, otherScope] = [one.split('%')[1], other.split('%')[1]];
  return scope === undefined || otherScope === undefined || scope === otherScope;
}
