import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';
import type { Random } from '../kernel/clock.ts';
import { XpmnError } from '../kernel/errors.ts';
import { saslPrep } from './sasl-prep.ts';

export interface ScramOptions {
  /** Fewer iterations than this would give an eavesdropping server a cheap guess at the password. */
  readonly minIterations: number;
  /** More would let a server burn our processor. */
  readonly maxIterations: number;
  /** Characters of any message of the server. */
  readonly messageLength: number;
}

/** Best first. PLAIN is not there: it gives the password away, and the server proves nothing. */
const MECHANISMS = { 'SCRAM-SHA-512': ['sha512', 64], 'SCRAM-SHA-256': ['sha256', 32], 'SCRAM-SHA-1': ['sha1', 20] } as const;
export type ScramMechanism = keyof typeof MECHANISMS;

const derive = promisify(pbkdf2);

/** The best mechanism that both sides have. */
export function chooseMechanism(offered: readonly string[]): ScramMechanism | undefined {
  return (Object.keys(MECHANISMS) as ScramMechanism[]).find((name) => offered.includes(name));
}

/**
 * The client's side of one SCRAM exchange: `first`, then `respond` to the challenge, then `verify` the server's own
 * proof. Without `proven` the server has shown nothing. Every failure is `login-failed`.
 *
 * @spec RFC 5802 §3, §5, §7
 * @spec RFC 7677 §3
 */
export class ScramClient {
  readonly mechanism: ScramMechanism;
  private readonly options: ScramOptions;
  private readonly password: string;
  private readonly nonce: string;
  private readonly firstBare: string;
  private expected: Buffer | undefined;
  private verified = false;

  constructor(
    { random, mechanism, username, password }: { readonly random: Random; readonly mechanism: ScramMechanism; readonly username: string; readonly password: string },
    options: ScramOptions,
  ) {
    this.mechanism = mechanism;
    this.options = options;
    this.password = saslPrep(password);
    this.nonce = random.bytes(24).toString('base64');
    // RFC 5802 §5.1: "The characters ',' or '=' in usernames are sent as '=2C' and '=3D' respectively."
    this.firstBare = `n=${saslPrep(username).replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${this.nonce}`;
  }

  /** Whether the server has proven that it knows the password. */
  get proven(): boolean {
    return this.verified;
  }

  first(): string {
    return `n,,${this.firstBare}`;
  }

  async respond(serverFirst: string): Promise<string> {
    if (this.expected) throw refused('The server began the login twice.');
    const { nonce, salt, iterations } = this.read(serverFirst);
    const [hash, size] = MECHANISMS[this.mechanism];
    const hmac = (key: Buffer, text: string): Buffer => createHmac(hash, key).update(text).digest();
    const salted = await derive(this.password, salt, iterations, size, hash);
    const withoutProof = `c=biws,r=${nonce}`;
    const message = `${this.firstBare},${serverFirst},${withoutProof}`;
    const clientKey = hmac(salted, 'Client Key');
    const signature = hmac(createHash(hash).update(clientKey).digest(), message);
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ (signature[index] as number)));
    this.expected = hmac(hmac(salted, 'Server Key'), message);
    return `${withoutProof},p=${proof.toString('base64')}`;
  }

  /** SECURITY: the only way to `proven`; a server that skips it has not shown that it knows the password. */
  verify(serverFinal: string): void {
    const said = /^v=([A-Za-z0-9+/=]+)(?:,|$)/.exec(serverFinal.slice(0, this.options.messageLength))?.[1];
    const given = Buffer.from(said ?? '', 'base64');
    if (!this.expected || given.length !== this.expected.length || !timingSafeEqual(given, this.expected)) {
      throw refused('The server did not prove that it knows the password.');
    }
    this.verified = true;
  }

  private read(serverFirst: string): { nonce: string; salt: Buffer; iterations: number } {
    const { minIterations, maxIterations, messageLength } = this.options;
    // RFC 5802 §5.1: an unknown mandatory extension (m=) comes first, and MUST cause failure: it does not match.
    const match = serverFirst.length <= messageLength ? /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+=*),i=([1-9]\d{0,9})(?:,|$)/.exec(serverFirst) : null;
    if (!match) throw refused('The server\'s challenge makes no sense.');
    const [, nonce = '', salt = '', count = ''] = match;
    // RFC 5802 §5.1: the client "MUST verify that the initial part of the nonce" is its own.
    if (!nonce.startsWith(this.nonce) || nonce.length === this.nonce.length) throw refused('The server answered another login than ours.');
    const iterations = Number(count);
    if (iterations < minIterations || iterations > maxIterations) {
      throw refused(`The server asks for ${iterations} iterations; between ${minIterations} and ${maxIterations} are accepted.`);
    }
    return { nonce, salt: Buffer.from(salt, 'base64'), iterations };
  }
}

function refused(message: string): XpmnError {
  return new XpmnError('login-failed', message);
}
