import type { Logger } from './log.ts';

/** The interfaces of this machine, as `list` reads them; undefined when the system can't say now (files are used up): whoever follows them looks again later. */
export function readInterfaces<T>(list: () => T, log: Logger): T | undefined {
  try {
    return list();
  } catch (error) {
    log.warn('The network interfaces of this machine can\'t be read now.', { error: String(error) });
    return undefined;
  }
}
