import type { Writable } from 'node:stream';
import { pino } from 'pino';
import type { Logger, LogFields } from '../xpmn/kernel/log.ts';
import { redacted } from './redact.ts';
import { printable } from './text.ts';

export interface LogOptions {
  readonly level: string;
  readonly format: string;
  /** See RedactOptions. */
  readonly depth: number;
  readonly text: number;
}

type Level = 'debug' | 'info' | 'warn' | 'error';

/** One line an event, to `stream`: for people, or JSON for machines. Where it came from is told only at level `debug`. */
export function createLogger(stream: Pick<Writable, 'write'>, options: LogOptions): Logger {
  const write = (line: string): void => void stream.write(options.format === 'json' ? line : textLine(JSON.parse(line) as Line));
  const root = pino(
    { level: options.level, base: null, messageKey: 'message', timestamp: pino.stdTimeFunctions.isoTime, formatters: { level: (level) => ({ level }) } },
    { write },
  );
  const limits = { depth: options.depth, text: options.text, stack: options.level === 'debug' };
  const make = (scope: string | undefined, bound: LogFields): Logger => {
    const log = (level: Level) => (message: string, fields: LogFields = {}) => {
      if (!root.isLevelEnabled(level)) return;
      root[level]({ ...(scope === undefined ? {} : { scope }), fields: redacted({ ...bound, ...fields }, limits) }, message);
    };
    return {
      debug: log('debug'), info: log('info'), warn: log('warn'), error: log('error'),
      child: (name, fields = {}) => make(scope === undefined ? name : `${scope}/${name}`, { ...bound, ...fields }),
    };
  };
  return make(undefined, {});
}

interface Line {
  readonly level: string;
  readonly time: string;
  readonly scope?: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** `2026-01-31T12:00:00.000Z WARN  ssdp: cannot listen on eth0 (code=EACCES)`. */
function textLine({ time, level, scope, message, fields }: Line): string {
  const told = Object.entries(fields).map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`);
  const line = `${time} ${level.toUpperCase().padEnd(5)} ${scope === undefined ? '' : `${scope}: `}${message}${told.length === 0 ? '' : ` (${told.join(', ')})`}`;
  return `${printable(line)}\n`;
}
