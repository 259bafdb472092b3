import type { IncomingMessage } from 'node:http';
import { XpmnError, isErrorCode } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import { ERROR_HEADER } from '../../xpmn/media/http-answer.ts';

/** What a status means where the answer does not name a code: what answers is an older gateway, or none. */
const BY_STATUS: Readonly<Record<number, ErrorCode>> = { 403: 'not-allowed', 404: 'not-found', 416: 'range-not-satisfiable', 503: 'resource-limit', 504: 'peer-unavailable' };

const BROKEN_WAY = 'The way to the device that has the item broke.';

/** What happened, and what helps. */
const SENTENCES: { readonly [C in ErrorCode]?: string } = {
  'peer-unavailable': 'The device that has the item can\'t be reached now: `xpmn devices` shows which can.',
  'timeout': 'The device that has the item did not answer in time.',
  'connection-lost': BROKEN_WAY, 'transport-failed': BROKEN_WAY,
  'origin-unreachable': 'The media server that has the item does not answer its gateway: is it switched on?',
  'origin-broken': 'The media server that has the item did not give it: is the file still there?',
  'resource-limit': 'Too much is fetched at a time: try again when other transfers have ended.',
  'not-found': 'The item is not there any more: `xpmn browse` shows what there is.',
  'not-allowed': 'The device that has the item does not give it to this one.',
  'not-trusted': 'The device that has the item does not trust this one.',
  'range-not-satisfiable': 'The item has no such bytes.',
  'not-running': 'The gateway stops, or is being restarted.',
};

/** The failure that the media port answered with: its true code, where it names one. */
export function failureOf({ statusCode = 0, headers }: IncomingMessage): XpmnError {
  const named = headers[ERROR_HEADER.toLowerCase()];
  const code = typeof named === 'string' && isErrorCode(named) ? named : (BY_STATUS[statusCode] ?? 'origin-broken');
  return new XpmnError(code, SENTENCES[code] ?? `The item can't be fetched now (status ${statusCode}).`);
}
