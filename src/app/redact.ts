import { SECRET_FIELDS } from '../xpmn/kernel/log.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';

export interface RedactOptions {
  /** Levels of a field's value that are shown. */
  readonly depth: number;
  /** Characters of a text that are shown. */
  readonly text: number;
  /** Whether errors show where they come from. */
  readonly stack: boolean;
}

const SECRET = new Set(SECRET_FIELDS.map((name) => name.toLowerCase()));

/** `fields` as plain data that may be logged: no secret at any depth, no key material, bounded, without cycles. */
export function redacted(value: unknown, options: RedactOptions, depth = 0): unknown {
  if (value instanceof Error) return errorFields(value, options, depth);
  if (value instanceof Uint8Array) return `[${value.length} bytes]`;
  if (typeof value === 'string') return value.length > options.text ? `${value.slice(0, options.text)}…` : value;
  if (typeof value === 'bigint' || typeof value === 'symbol' || typeof value === 'function') return String(value).slice(0, options.text);
  if (typeof value !== 'object' || value === null) return value;
  // What is no plain data (a KeyObject, a socket) has nothing to say, and may hold what must not be said.
  if (depth >= options.depth || !isPlain(value)) return `[${value.constructor?.name ?? 'object'}]`;
  if (Array.isArray(value)) return value.map((entry) => redacted(entry, options, depth + 1));
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, SECRET.has(key.toLowerCase()) ? '[secret]' : redacted(entry, options, depth + 1)]));
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}

function errorFields(error: Error, options: RedactOptions, depth: number): unknown {
  const code = error instanceof XpmnError ? error.code : ((error as NodeJS.ErrnoException).code ?? error.name);
  const details = error instanceof XpmnError && Object.keys(error.details).length > 0 ? { details: redacted(error.details, options, depth + 1) } : {};
  const origin = options.stack ? { stack: error.stack, ...(error.cause !== undefined && depth < options.depth ? { cause: redacted(error.cause, options, depth + 1) } : {}) } : {};
  return { code, message: redacted(error.message, options), ...details, ...origin };
}
