import type { TLSSocket } from 'node:tls';
import type { Clock, Random } from '../../kernel/clock.ts';
import { XpmnError, asXpmnError } from '../../kernel/errors.ts';
import type { Logger } from '../../kernel/log.ts';
import { throwIfAborted, withDeadline } from '../../kernel/tasks.ts';
import { bareJid, splitJid } from '../../model/jid.ts';
import { child, xml } from '../../model/xml.ts';
import type { XmppAccount } from '../../ports/xmpp-connection.ts';
import { NS_TLS } from '../stanza.ts';
import { readCertificateLogin } from '../sasl-external.ts';
import type { CertificateLogin } from '../sasl-external.ts';
import { authenticate, bind, readFeatures } from './negotiate.ts';
import type { LoginOptions } from './negotiate.ts';
import { findEndpoints, systemResolveSrv } from './endpoints.ts';
import type { Endpoint, EndpointOptions, ResolveSrv } from './endpoints.ts';
import type { Establish, ServerLink } from './link.ts';
import { afterCertificate, secure } from './secure.ts';
import { dial } from './sockets.ts';
import { isFinal } from './stream-errors.ts';
import { ServerStream } from './server-stream.ts';
import type { ServerStreamOptions } from './server-stream.ts';

export interface EstablishOptions extends ServerStreamOptions, EndpointOptions, LoginOptions {
  /** ms for one endpoint to take the connection and be secure. */
  readonly dialTimeout: number;
}

export interface EstablishDeps {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly resolveSrv?: ResolveSrv | undefined;
}

/** Links to real servers: DNS, TCP, TLS (direct or STARTTLS), SASL, resource binding. */
export function createEstablish(deps: EstablishDeps, options: EstablishOptions): Establish {
  return async (account, { server, signal }) => {
    const { domain } = splitJid(account.jid);
    const certificate = account.credentials.kind === 'certificate' ? readCertificateLogin(account.credentials, account.jid) : undefined;
    const fixed = server ?? account.server;
    const resolveSrv = deps.resolveSrv ?? systemResolveSrv;
    const endpoints = fixed ? [{ ...fixed, direct: false }] : await findEndpoints(domain, { resolveSrv, random: deps.random, signal }, options);
    const socket = await firstSecure(endpoints);
    return logIn(socket, account, certificate, signal);

    async function firstSecure(candidates: readonly Endpoint[]): Promise<TLSSocket> {
      let failure = new XpmnError('server-unreachable', 'There is no server to connect to.');
      for (const endpoint of candidates) {
        let opened: TLSSocket | undefined;
        const work = async (within: AbortSignal): Promise<TLSSocket> => (opened = await secured(endpoint, within));
        try {
          return await withDeadline({ clock: deps.clock, signal, delay: options.dialTimeout, what: 'Reaching the server' }, work);
        } catch (error) {
          opened?.destroy();
          throwIfAborted(signal);
          failure = asXpmnError(error);
          deps.log.debug('A server can\'t be used.', { host: endpoint.host, port: endpoint.port, code: failure.code });
        }
      }
      throw failure;
    }

    async function secured(endpoint: Endpoint, within: AbortSignal): Promise<TLSSocket> {
      const raw = await dial(endpoint, within);
      if (!endpoint.direct) await starttls(raw, within);
      return secure(raw, { domain, ca: account.ca, certificate, direct: endpoint.direct, signal: within });
    }

    /** SECURITY: all of this is said by anybody on the path. Without `<proceed/>` there is no login. */
    async function starttls(raw: Awaited<ReturnType<typeof dial>>, within: AbortSignal): Promise<void> {
      const stream = new ServerStream(raw, options);
      try {
        await stream.open(domain, within);
        const features = await readFeatures(stream, within);
        if (!child(features, 'starttls', NS_TLS)) throw new XpmnError('server-insecure', 'The server offers no encryption.');
        await stream.send(xml('starttls', NS_TLS));
        const answer = await stream.next(within);
        if (answer.name !== 'proceed' || answer.ns !== NS_TLS) throw new XpmnError('server-insecure', 'The server refuses encryption.');
        stream.detach();
      } catch (error) {
        const reason = unproven(asXpmnError(error));
        stream.destroy(reason);
        throw reason;
      }
    }
  };

  async function logIn(socket: TLSSocket, account: XmppAccount, certificate: CertificateLogin | undefined, signal: AbortSignal): Promise<ServerLink> {
    const stream = new ServerStream(socket, options);
    // Asked now: a socket that has ended knows no more what it spoke.
    const isJudgedLate = certificate !== undefined && socket.getProtocol() === 'TLSv1.3';
    try {
      const { domain } = splitJid(account.jid);
      // XEP-0388 §2.1: a server offers tokens only to whom it knows by name.
      await stream.open(domain, signal, usesTokens(account) ? bareJid(account.jid) : undefined);
      const { restarts, token } = await authenticate(stream, account, certificate, { clock: deps.clock, random: deps.random, signal }, options);
      stream.token = token;
      if (restarts) await stream.open(domain, signal);
      await bind(stream, account.jid, { random: deps.random, signal });
      return stream;
    } catch (error) {
      const reason = isJudgedLate ? afterCertificate(asXpmnError(error)) : asXpmnError(error);
      stream.destroy(reason);
      throw reason;
    }
  }
}

function usesTokens({ credentials }: XmppAccount): boolean {
  return credentials.kind === 'token' || (credentials.kind === 'password' && credentials.tokenFor !== undefined);
}

/** What nobody has proven to have said is neither final nor a direction to follow. */
function unproven(error: XpmnError): XpmnError {
  return isFinal(error) || error.details['address'] !== undefined ? new XpmnError('connection-lost', error.message) : error;
}
