import type { Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { ScramClient, chooseMechanism } from '../sasl.ts';
import type { ScramOptions } from '../sasl.ts';
import { loginError } from './sasl-exchange.ts';
import type { SaslAnswer, SaslExchange } from './sasl-exchange.ts';

const REFUSALS = { 'not-authorized': 'The server does not know this user with this password.' };

/** Logs in, both ways: success without the server's own proof is `login-failed`. */
export async function logInByPassword(
  exchange: SaslExchange, { username, password, random }: { readonly username: string; readonly password: string; readonly random: Random }, options: ScramOptions,
): Promise<SaslAnswer> {
  const mechanism = chooseMechanism(exchange.offered);
  if (!mechanism) throw new XpmnError('login-failed', 'The server offers no login in which both sides prove that they know the password.');
  const scram = new ScramClient({ random, mechanism, username, password }, options);
  let said = await exchange.begin(mechanism, scram.first());
  if (said.kind === 'challenge') said = await exchange.respond(await scram.respond(said.data.toString('utf8')));
  if (said.kind === 'challenge') {
    scram.verify(said.data.toString('utf8'));
    said = await exchange.respond('');
  }
  if (said.kind !== 'success') throw loginError(said, REFUSALS);
  if (!scram.proven) scram.verify(said.data.toString('utf8'));
  return said;
}
