import http from 'node:http';
import type { IncomingMessage } from 'node:http';
import { XpmnError, isErrorCode } from '../../xpmn/kernel/errors.ts';
import { abortReason, throwIfAborted } from '../../xpmn/kernel/tasks.ts';
import { operationPath } from './operations.ts';
import type { Input, OperationName, Output } from './operations.ts';

export interface ControlClientOptions {
  readonly path: string;
  /** Bytes of the largest answer. */
  readonly answerBytes: number;
}

/** Speaks to the daemon that has this state directory. */
export class ControlClient {
  private readonly options: ControlClientOptions;

  constructor(options: ControlClientOptions) {
    this.options = options;
  }

  /** @throws XpmnError `not-running` without a daemon; `connection-lost`; else what the operation failed with */
  async call<N extends OperationName>(name: N, input: Input<N>, { signal }: { readonly signal: AbortSignal }): Promise<Output<N>> {
    throwIfAborted(signal);
    try {
      const response = await this.send(operationPath(name), JSON.stringify(input), signal);
      const answer = parse(await readAll(response, this.options.answerBytes));
      if (response.statusCode === 200) return answer as Output<N>;
      throw failure(answer);
    } catch (error) {
      if (signal.aborted) throw abortReason(signal);
      throw error instanceof XpmnError ? error : this.translated(error as NodeJS.ErrnoException);
    }
  }

  private send(path: string, body: string, signal: AbortSignal): Promise<IncomingMessage> {
    const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) };
    return new Promise((resolve, reject) => {
      http.request({ socketPath: this.options.path, path, method: 'POST', headers, signal, agent: false }, resolve).on('error', reject).end(body);
    });
  }

  private translated(error: NodeJS.ErrnoException): XpmnError {
    const { code = '' } = error;
    if (['ENOENT', 'ECONNREFUSED', 'ENOTDIR', 'EINVAL', 'ENAMETOOLONG'].includes(code)) {
      return new XpmnError('not-running', `No gateway runs on this state (${this.options.path}): start one with \`xpmn daemon\`, or name its directory with --home.`, { cause: error });
    }
    if (code === 'EACCES' || code === 'EPERM') return new XpmnError('not-allowed', `The gateway on ${this.options.path} belongs to another user.`, { cause: error });
    return new XpmnError('connection-lost', 'The gateway stopped before it answered.', { cause: error });
  }
}

async function readAll(response: IncomingMessage, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limit) throw new XpmnError('too-large', 'The gateway answered with more than is taken.');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new XpmnError('malformed', 'What answers on the control socket is no gateway.', { cause: error });
  }
}

function failure(answer: unknown): XpmnError {
  const { code, message, details } = (answer ?? {}) as { code?: unknown; message?: unknown; details?: unknown };
  if (typeof code !== 'string' || !isErrorCode(code) || typeof message !== 'string') return new XpmnError('malformed', 'What answers on the control socket is no gateway.');
  return new XpmnError(code, message, { details: (details ?? {}) as Record<string, string | number | boolean> });
}
