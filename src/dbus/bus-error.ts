import type { ErrorCode } from '../xpmn/kernel/errors.ts';
import { XpmnError } from '../xpmn/kernel/errors.ts';

const CODES: Readonly<Record<string, ErrorCode>> = {
  'org.freedesktop.DBus.Error.ServiceUnknown': 'not-found',
  'org.freedesktop.DBus.Error.NameHasNoOwner': 'not-found',
  'org.freedesktop.DBus.Error.UnknownObject': 'not-found',
  'org.freedesktop.DBus.Error.UnknownMethod': 'not-supported',
  'org.freedesktop.DBus.Error.UnknownInterface': 'not-supported',
  'org.freedesktop.DBus.Error.UnknownProperty': 'not-supported',
  'org.freedesktop.DBus.Error.NotSupported': 'not-supported',
  'org.freedesktop.DBus.Error.AccessDenied': 'not-allowed',
  'org.freedesktop.DBus.Error.InvalidArgs': 'bad-request',
  'org.freedesktop.DBus.Error.InvalidSignature': 'bad-request',
  // The service went away before it answered.
  'org.freedesktop.DBus.Error.NoReply': 'peer-unavailable',
  'org.freedesktop.DBus.Error.LimitsExceeded': 'resource-limit',
};
const NAME_LENGTH = 255;

/** What an error answer means. Its text is the other program's and not repeated. */
export function busError(name: string | undefined): XpmnError {
  const error = (name ?? '').slice(0, NAME_LENGTH);
  return new XpmnError((Object.hasOwn(CODES, error) && CODES[error]) || 'not-acceptable', 'Another program on the message bus refused.', { details: { error } });
}
