import { once } from 'node:events';
import http from 'node:http';
import type { RequestListener, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ConnectionsPerHost } from '../kernel/connections-per-host.ts';
import type { Logger } from '../kernel/log.ts';

export interface ListenerOptions {
  /** Requests in progress at one time, in all. */
  readonly requests: number;
  /** Milliseconds for the headers of a request. */
  readonly headersTimeout: number;
  /** Milliseconds a player's connection is kept between requests. */
  readonly keepAliveTimeout: number;
}

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Of `requests`, for the connections of a listener: a player has some that it does not use just now. */
const CONNECTIONS = 2;

/** One listening HTTP server for players. Closing it ends its connections. */
export class MediaListener {
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
  }

  /** `isShared`: other machines come in here, and none of them takes all. Rejects as `net.Server.listen` fails. */
  static async open(
    listener: RequestListener,
    { host, port, isShared = false }: Address & { readonly isShared?: boolean },
    { headersTimeout, keepAliveTimeout, requests }: ListenerOptions,
    log: Logger,
  ): Promise<MediaListener> {
    // COMPAT(players that speak HTTP/1.1 without a Host): they mean us.
    const server = http.createServer({ noDelay: true, headersTimeout, keepAliveTimeout, requestTimeout: headersTimeout, requireHostHeader: false }, listener);
    // A paused film holds its connection for hours: only reading a request has a time limit.
    server.timeout = 0;
    server.maxConnections = CONNECTIONS * requests;
    const perHost = new ConnectionsPerHost(isShared ? requests : CONNECTIONS * requests);
    server.on('connection', (socket) => perHost.admit(socket) || socket.destroy());
    server.listen({ host, port });
    await once(server, 'listening');
    // A connection that can't be accepted, for want of descriptors, is no reason to end.
    server.on('error', (error) => log.warn('the media port failed', { error: error.message }));
    return new MediaListener(server);
  }

  get address(): Address {
    const { address, port } = this.server.address() as AddressInfo;
    return { host: address, port };
  }

  async close(): Promise<void> {
    // Not `once` of node:events, which any error of the server would reject.
    const closed = new Promise<void>((resolve) => this.server.once('close', resolve));
    this.server.close();
    this.server.closeAllConnections();
    await closed;
  }
}
