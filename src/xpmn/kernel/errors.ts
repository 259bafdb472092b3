/**
 * Every failure of the gateway, by stable code. The same code shows in the stanza error, the control API, the CLI's
 * exit status and the log. Three families are never mixed: could not reach / makes no sense / was refused.
 */
export const ERROR_CODES = {
  // could not reach: nobody said no, trying again later may work
  'timeout': 'unreachable',
  'unreachable': 'unreachable',
  'connection-lost': 'unreachable',
  'server-unreachable': 'unreachable',
  'peer-unavailable': 'unreachable',
  'origin-unreachable': 'unreachable',
  'transport-failed': 'unreachable',
  'not-running': 'unreachable',
  'resource-limit': 'unreachable',
  'aborted': 'unreachable',
  // makes no sense: the other side spoke, but not the protocol
  'malformed': 'nonsense',
  'xml-restricted': 'nonsense',
  'too-large': 'nonsense',
  'protocol-violation': 'nonsense',
  'out-of-order': 'nonsense',
  'flow-control': 'nonsense',
  'truncated': 'nonsense',
  'origin-broken': 'nonsense',
  'storage-failed': 'nonsense',
  'internal': 'nonsense',
  // was refused: a decision, of ours or of theirs
  'bad-request': 'refused',
  'not-found': 'refused',
  'not-allowed': 'refused',
  'not-supported': 'refused',
  'not-acceptable': 'refused',
  'not-authorized': 'refused',
  'conflict': 'refused',
  'unexpected-request': 'refused',
  'entity-changed': 'refused',
  'range-not-satisfiable': 'refused',
  'unsupported-type': 'refused',
  'not-seekable': 'refused',
  'not-pausable': 'refused',
  'tie-break': 'refused',
  'security-required': 'refused',
  'security-failed': 'refused',
  'not-trusted': 'refused',
  'server-insecure': 'refused',
  'server-untrusted': 'refused',
  'login-failed': 'refused',
  'already-running': 'refused',
  'not-initialised': 'refused',
  'already-initialised': 'refused',
  'bad-password': 'refused',
  'bad-configuration': 'refused',
  'usage': 'refused',
} as const satisfies Record<string, ErrorFamily>;

export type ErrorFamily = 'unreachable' | 'nonsense' | 'refused';
export type ErrorCode = keyof typeof ERROR_CODES;

export interface XpmnErrorOptions {
  readonly cause?: unknown;
  /** Safe, small facts for the far end or the user, e.g. `{size: 4096}` of an unsatisfiable range. Never secrets. */
  readonly details?: Readonly<Record<string, string | number | boolean>>;
}

/** The root of all failures. Match on `code`, never on the message; the message is one sentence for the user. */
export class XpmnError extends Error {
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, options: XpmnErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'XpmnError';
    this.code = code;
    this.details = options.details ?? {};
  }

  get family(): ErrorFamily {
    return ERROR_CODES[this.code];
  }

  get retryable(): boolean {
    return this.family === 'unreachable';
  }
}

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERROR_CODES, text);
}

/** `error` as an XpmnError: itself, or wrapped under `code` with the original as cause. */
export function asXpmnError(error: unknown, code: ErrorCode = 'internal', message?: string): XpmnError {
  if (error instanceof XpmnError) return error;
  if (isAbort(error)) return new XpmnError('aborted', message ?? 'The operation was aborted.', { cause: error });
  const said = error instanceof Error ? error.message : String(error);
  return new XpmnError(code, message ?? said, { cause: error });
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === 'AbortError' || (error as NodeJS.ErrnoException).code === 'ABORT_ERR');
}
