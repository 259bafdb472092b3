import { XpmnError } from '../../kernel/errors.ts';
import { TOKEN_MECHANISM, isTokenProven, tokenProof } from '../sasl-token.ts';
import { loginError } from './sasl-exchange.ts';
import type { SaslAnswer, SaslExchange } from './sasl-exchange.ts';

const ADVICE = 'log in by the password once, to get another';
const REFUSALS = {
  'not-authorized': `The server does not take this device's token any more: ${ADVICE}.`,
  'credentials-expired': `This device's token has expired: ${ADVICE}.`,
};

/** @throws XpmnError `not-supported`: the server has no tokens; `login-failed`: it refuses this one, or does not prove that it knows it */
export async function logInByToken(exchange: SaslExchange | undefined, { username, token }: { readonly username: string; readonly token: string }): Promise<SaslAnswer> {
  if (!exchange?.offered.includes(TOKEN_MECHANISM)) throw new XpmnError('not-supported', 'The server has no login by token: log in by the password.');
  const answer = await exchange.begin(TOKEN_MECHANISM, tokenProof(username, token));
  if (answer.kind !== 'success') throw loginError(answer, REFUSALS);
  if (!isTokenProven(token, answer.data)) throw new XpmnError('login-failed', 'The server did not prove that it knows the token.');
  return answer;
}
