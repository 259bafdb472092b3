import type { Random } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import { ScramClient, chooseMechanism } from '../sasl.ts';
import type { ScramOptions } from '../sasl.ts';
import { contentOf, isSaid, loginError } from './sasl-exchange.ts';
import type { SaslExchange } from './sasl-exchange.ts';

const REFUSALS = { 'not-authorized': 'The server does not know this user with this password.' };

/** Logs in, both ways: success without the server's own proof is `login-failed`. */
export async function logInByPassword(
  exchange: SaslExchange, { username, password, random }: { readonly username: string; readonly password: string; readonly random: Random }, options: ScramOptions,
): Promise<void> {
  const mechanism = chooseMechanism(exchange.offered);
  if (!mechanism) throw new XpmnError('login-failed', 'The server offers no login in which both sides prove that they know the password.');
  const scram = new ScramClient({ random, mechanism, username, password }, options);
  let said = await exchange.begin(mechanism, scram.first());
  if (isSaid(said, 'challenge')) said = await exchange.respond(await scram.respond(contentOf(said)));
  if (isSaid(said, 'challenge')) {
    scram.verify(contentOf(said));
    said = await exchange.respond('');
  }
  if (!isSaid(said, 'success')) throw loginError(said, REFUSALS);
  if (!scram.proven) scram.verify(contentOf(said));
}
