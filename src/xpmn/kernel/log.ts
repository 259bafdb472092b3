/** What may be said about an event: small plain values. Keys that name a secret are redacted by every logger. */
export type LogFields = Readonly<Record<string, unknown>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A logger whose lines carry `scope` and `fields`. */
  child(scope: string, fields?: LogFields): Logger;
}

/** Field names whose values never reach a log, at any depth. */
export const SECRET_FIELDS: readonly string[] = ['password', 'pin', 'secret', 'token', 'privateKey', 'key', 'credentials'];

const silent: Logger = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent };

/** Says nothing; for tests and for parts that have nothing to say. */
export const silentLogger: Logger = silent;
