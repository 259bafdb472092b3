import { XpmnError, asXpmnError } from '../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../xpmn/kernel/errors.ts';

type Table = Readonly<Record<number, ErrorCode>>;

/** What any service says. 501 is what a device says that does not say why. */
const COMMON: Table = {
  401: 'not-supported', 402: 'not-acceptable', 501: 'not-acceptable', 600: 'not-acceptable', 601: 'not-acceptable', 602: 'not-supported', 603: 'not-acceptable',
  604: 'not-acceptable', 605: 'not-acceptable', 606: 'not-acceptable', 607: 'not-acceptable',
};

/** @spec UPnP-AVTransport v1 §2.4 (error codes) */
export const AV_TRANSPORT_ERRORS: Table = {
  ...COMMON,
  701: 'unexpected-request', // transition not available
  702: 'unsupported-type', // no contents
  703: 'origin-unreachable', // read error
  704: 'unsupported-type', // format not supported for playback
  705: 'unexpected-request', // transport is locked
  706: 'not-acceptable', // write error
  707: 'not-acceptable', // media is protected
  708: 'not-supported', // format not supported for recording
  709: 'not-acceptable', // media is full
  710: 'not-seekable', // seek mode not supported
  711: 'not-acceptable', // illegal seek target
  712: 'not-supported', // play mode not supported
  713: 'not-supported', // record quality not supported
  714: 'unsupported-type', // illegal MIME type
  715: 'origin-unreachable', // content is busy
  716: 'origin-unreachable', // resource not found
  717: 'not-supported', // play speed not supported
  718: 'not-acceptable', // invalid InstanceID
  719: 'unsupported-type', // DRM, in later versions
};

/** @spec UPnP-RenderingControl v1 §2.4 (error codes) */
export const RENDERING_CONTROL_ERRORS: Table = { ...COMMON, 701: 'not-supported', 702: 'not-acceptable', 703: 'not-supported' };

/** UPnP's own number of a refusal. */
export function upnpErrorOf(error: unknown): number | undefined {
  const number = error instanceof XpmnError ? error.details.upnpError : undefined;
  return typeof number === 'number' ? number : undefined;
}

/** Whether the device does not have that at all. */
export function isMissingAction(error: unknown): boolean {
  const number = upnpErrorOf(error);
  return number === 401 || number === 602;
}

/** A failed call in the terms of players; what is none of its refusals is a device that can't be reached, or talks nonsense. */
export function rendererError(error: unknown, table: Table): XpmnError {
  const failure = asXpmnError(error);
  const number = upnpErrorOf(failure);
  // Its number may travel; what else it says stays here.
  if (number !== undefined) return new XpmnError(table[number] ?? 'not-acceptable', `The player itself refuses that (UPnP error ${number}).`, { details: { upnpError: number } });
  const options = { cause: failure, details: failure.details };
  if (failure.code === 'timeout' || failure.code === 'aborted') return failure;
  if (failure.family === 'unreachable') return new XpmnError('unreachable', 'The player does not answer.', options);
  // What was refused here, before anybody was asked.
  if (failure.family === 'refused' && failure.code !== 'not-allowed') return failure;
  return new XpmnError('not-acceptable', 'The player\'s answer makes no sense.', options);
}
