import { XpmnError, asXpmnError } from '../../xpmn/kernel/errors.ts';
import type { ErrorCode } from '../../xpmn/kernel/errors.ts';
import type { GatewayDevice } from '../gateway-api.ts';

type Sentences = { readonly [C in ErrorCode]?: string };

/** What is known of an answer without a reason. */
const WITHOUT_REASON: Sentences = {
  'unexpected-request': 'can\'t do that now.',
  'not-supported': 'can\'t do that.',
  'not-found': 'does not have that.',
  'not-allowed': 'does not allow that.',
  'unsupported-type': 'does not play media of this kind.',
  'not-pausable': 'can\'t pause what plays.',
  'not-seekable': 'can\'t go to another place of what plays.',
  'origin-unreachable': 'could not fetch or play it.',
  'origin-broken': 'could not play it.',
  'internal': 'failed at that.',
  'timeout': 'did not answer its gateway in time.',
  'unreachable': 'does not answer its gateway: is it switched on?',
  'resource-limit': 'has too much to do: try again in a moment.',
};

/** The same of a player that was to open something. */
export const OPENING: Sentences = {
  'not-found': 'does not find the item: `xpmn browse` shows what there is; what is in a container is played with --of.',
  'not-allowed': 'is not given the item.',
  'origin-unreachable': 'can\'t fetch the item, or can\'t play it.',
};

/** Nobody has said it: what has become of the question is not known. */
const ON_THE_WAY: Sentences = {
  'peer-unavailable': 'can\'t be reached now: is it switched on? `xpmn devices` shows what can be reached.',
  'timeout': 'did not answer in time: try again in a moment.',
  'connection-lost': 'did not answer: the connection to it broke. Try again in a moment.',
  'transport-failed': 'did not answer: the connection to it broke. Try again in a moment.',
};

/** What a device answered, or did not, told by its name, and in its words where it gave any; another failure as it is. */
export function toldBy({ name }: Pick<GatewayDevice, 'name'>, thrown: unknown, special: Sentences = {}): XpmnError {
  const error = asXpmnError(thrown);
  const { said } = error.details;
  const silence = ON_THE_WAY[error.code];
  if (typeof said !== 'string') return silence === undefined ? error : new XpmnError(error.code, `${name} ${silence}`, { cause: error, details: error.details });
  const usual = error.retryable ? 'can\'t be reached now.' : `refuses that (${error.code}).`;
  const sentence = said === '' ? `${name} ${special[error.code] ?? WITHOUT_REASON[error.code] ?? usual}` : `${name} says: ${said}`;
  return new XpmnError(error.code, sentence, { cause: error, details: error.details });
}
