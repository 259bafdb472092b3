import { once } from 'node:events';
import { chmod, unlink } from 'node:fs/promises';
import http from 'node:http';
import { connect } from 'node:net';
import type { ValidateFunction } from 'ajv';
import express from 'express';
import type { Express, NextFunction, Request, Response } from 'express';
import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import type { Logger } from '../../xpmn/kernel/log.ts';
import { nextTurn } from '../../xpmn/kernel/tasks.ts';
import { compileSchema } from '../json-schema.ts';
import { HANDLERS } from './handlers.ts';
import type { Controlled, HandlerContext } from './handlers.ts';
import { OPERATIONS, operationPath } from './operations.ts';
import type { OperationName } from './operations.ts';

export interface ControlOptions {
  /** Bytes of a request, and of one that may carry a file. */
  readonly bodyBytes: number;
  readonly fileBytes: number;
  /** Milliseconds for the head of a request. */
  readonly headersTimeout: number;
  readonly connections: number;
  /** Entries of one page of a library. */
  readonly page: number;
}

/** The longest path that a unix socket can have on every system that we know. */
const LONGEST_SOCKET_PATH = 103;

/** The control API on a unix socket that only its owner can reach: who can connect may do everything. */
export class ControlServer {
  private readonly server: http.Server;
  private readonly closing: AbortController;

  private constructor(server: http.Server, closing: AbortController) {
    this.server = server;
    this.closing = closing;
  }

  /**
   * Listens. A socket that a crashed process left is removed.
   * @throws XpmnError `already-running` if a process answers on it; `bad-configuration`: the path is too long, or can't be had
   */
  static async open(path: string, deps: { readonly controlled: Controlled; readonly log: Logger }, options: ControlOptions): Promise<ControlServer> {
    if (Buffer.byteLength(path) > LONGEST_SOCKET_PATH) throw new XpmnError('bad-configuration', `${path} is too long for a socket: choose a state directory with a shorter path.`);
    if (await answers(path)) throw new XpmnError('already-running', `A gateway answers on ${path} already.`);
    await unlink(path).catch(() => undefined);
    const closing = new AbortController();
    const { headersTimeout } = options;
    const server = http.createServer({ headersTimeout }, createApp(deps, options, closing.signal));
    server.maxConnections = options.connections;
    // The directory keeps others out from the first moment; the mode is for whoever moves it.
    server.listen(path);
    try {
      await once(server, 'listening');
      await chmod(path, 0o600);
    } catch (error) {
      server.close();
      throw new XpmnError('bad-configuration', `The control socket ${path} can't be opened.`, { cause: error });
    }
    // A connection that can't be accepted, for want of descriptors, is no reason to end.
    server.on('error', (error) => deps.log.warn('the control socket failed', { error: error.message }));
    return new ControlServer(server, closing);
  }

  /** Requests under way are aborted. The socket is gone when it resolves. */
  async close(): Promise<void> {
    this.closing.abort(new XpmnError('not-running', 'The gateway stops.'));
    if (!this.server.listening) return;
    // Not `once` of node:events, which any error of the server would reject.
    const closed = new Promise<void>((resolve) => this.server.once('close', resolve));
    this.server.close();
    // What was aborted answers in the next turns; who keeps a connection for nothing is cut off.
    await nextTurn();
    this.server.closeIdleConnections();
    const cut = setTimeout(() => this.server.closeAllConnections(), 500);
    await closed;
    clearTimeout(cut);
  }
}

function createApp({ controlled, log }: { readonly controlled: Controlled; readonly log: Logger }, options: ControlOptions, closing: AbortSignal): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  for (const name of Object.keys(OPERATIONS) as OperationName[]) {
    const limit = OPERATIONS[name].takesFile ? options.fileBytes : options.bodyBytes;
    const answer = answerTo(name, (signal) => ({ controlled, signal, page: options.page }), closing);
    app.post(operationPath(name), express.json({ limit, strict: true }), answer);
  }
  app.use(() => {
    throw new XpmnError('not-found', 'There is no such operation.');
  });
  app.use((thrown: unknown, request: Request, response: Response, _next: NextFunction) => {
    const error = fromExpress(thrown);
    if (error.code === 'internal') log.error('a control operation failed', { path: request.path, error });
    if (response.headersSent || response.destroyed) response.destroy();
    else response.status(statusOf(error)).json({ code: error.code, message: error.message, details: error.details });
  });
  return app;
}

function answerTo<N extends OperationName>(name: N, contextFor: (signal: AbortSignal) => HandlerContext, closing: AbortSignal): (request: Request, response: Response) => Promise<void> {
  const { properties, required = [] } = OPERATIONS[name].input;
  let compiled: ValidateFunction | undefined;
  return async (request, response) => {
    const input: unknown = request.body ?? {};
    const validate = (compiled ??= compileSchema({ type: 'object', properties, required, additionalProperties: false }));
    if (!validate(input)) {
      const { instancePath, message } = validate.errors?.[0] ?? {};
      throw new XpmnError('bad-request', `The input${instancePath ? ` ${instancePath}` : ''} ${message ?? 'is wrong'}.`);
    }
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new XpmnError('aborted', 'The caller has gone.'));
    });
    const output = await HANDLERS[name](input as Parameters<(typeof HANDLERS)[N]>[0], contextFor(AbortSignal.any([closing, gone.signal])));
    response.json(output);
  };
}

/** Errors of express and its body parser have a status instead of a code. */
function fromExpress(thrown: unknown): XpmnError {
  const status = (thrown as { status?: unknown } | null)?.status;
  if (thrown instanceof XpmnError || typeof status !== 'number' || status >= 500) return asXpmnError(thrown);
  if (status === 413) return new XpmnError('too-large', 'The request is too large.', { cause: thrown });
  return new XpmnError('bad-request', 'The request can\'t be understood.', { cause: thrown });
}

const STATUS: { readonly [C in ErrorCode]?: number } = {
  'bad-request': 400, 'usage': 400, 'not-found': 404, 'not-allowed': 403, 'not-trusted': 403, 'conflict': 409, 'already-initialised': 409,
  'already-running': 409, 'too-large': 413, 'resource-limit': 503, 'not-running': 503, 'storage-failed': 500, 'internal': 500,
};

export function statusOf(error: XpmnError): number {
  return STATUS[error.code] ?? { unreachable: 504, nonsense: 502, refused: 422 }[error.family];
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
