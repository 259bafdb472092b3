import type { Clock } from '../../kernel/clock.ts';
import { XpmnError } from '../../kernel/errors.ts';
import type { CertificateLogin } from '../sasl-external.ts';
import { loginError } from './sasl-exchange.ts';
import type { SaslAnswer, SaslExchange } from './sasl-exchange.ts';

const MECHANISM = 'EXTERNAL';
const ADVICE = 'log in by the password once, and add it again';
const REFUSALS = {
  'not-authorized': `The server does not take this device's certificate for this account: ${ADVICE}.`,
  'credentials-expired': `The server says that this device's certificate has expired: ${ADVICE}, renewed.`,
};

/**
 * Logs in as the certificate that TLS has shown. Nothing else is tried: a server that does not want it does not get a
 * password instead.
 *
 * @spec XEP-0178 v1.2 §2
 * @throws XpmnError `not-supported` if it is not offered, `login-failed` if it is refused
 */
export async function logInByCertificate(exchange: SaslExchange, { identities, validUntil }: CertificateLogin, clock: Clock): Promise<void> {
  if (!exchange.offered.includes(MECHANISM)) throw notOffered(validUntil < clock.now());
  const tries = [...identities];
  for (;;) {
    const said = await attempt(exchange, tries.shift() ?? '', identities.at(-1) ?? '');
    if (said.kind === 'success') return;
    if (said.condition !== 'invalid-authzid' || tries.length === 0) throw loginError(said, REFUSALS);
  }
}

/** One `<auth/>`. RFC 4422, appendix A: an empty challenge asks for the authorization identity. */
async function attempt(exchange: SaslExchange, identity: string, full: string): Promise<SaslAnswer> {
  const said = await exchange.begin(MECHANISM, identity);
  return said.kind === 'challenge' && said.data.length === 0 ? exchange.respond(full) : said;
}

/** XEP-0178 §2: a server MUST NOT offer EXTERNAL to a certificate that it does not accept; it can't say why. */
function notOffered(isExpired: boolean): XpmnError {
  const why = isExpired ? 'it has expired' : 'it has no such login, or does not know the certificate any more';
  return new XpmnError('not-supported', `The server does not let this device log in by its certificate: ${why}. To have it again, ${ADVICE}${isExpired ? ', renewed' : ''}.`);
}
