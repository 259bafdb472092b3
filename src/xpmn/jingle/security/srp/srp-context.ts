/**
 * What the two ends of TLS-SRP are set up with: TLS 1.2 (the newest that has the suites), no certificate, nothing to resume.
 *
 * @spec RFC 5054 §2.4, §2.5, §3.2
 */
import type { Role } from '../../../ports/transport.ts';
import type { OpenSsl, Pointer } from './openssl.ts';

export interface SrpSettings {
  readonly role: Role;
  /**
   * Initiator: the one user name to send. Responder: the names under which the PIN counts; another name is answered with
   * `decoy`, a password that nobody knows, and so looks like a wrong PIN.
   */
  readonly names: readonly string[];
  readonly pin: string;
  readonly decoy: string;
  /** Bits of the group: RFC 5054's of that size as responder, at least that many as initiator. */
  readonly groupBits: number;
}

/** The suites without a certificate: these authenticate by the password alone, both ways. */
const SUITES = 'SRP-AES-256-CBC-SHA:SRP-AES-128-CBC-SHA';
const TLS_1_2 = 0x0303;
const SET_MODE = 33;
const SET_SESSION_CACHE = 44;
const SET_OLDEST_VERSION = 123;
const SET_NEWEST_VERSION = 124;
/** Partial writes, and from another address when one is tried again. */
const MODES = 0x1 | 0x2;
/** No tickets, no compression, the server's order of suites, no renegotiation. */
const OPTIONS = 2 ** 14 + 2 ** 17 + 2 ** 22 + 2 ** 30;
/** What the user name callback returns: go on; end with a fatal alert. */
const CONTINUE = 0;
const FATAL = 2;
const INTERNAL_ERROR_ALERT = 80;

/** @throws Error if this OpenSSL has no SRP, or its policy does not allow it */
export function checkSrp(openssl: OpenSsl): void {
  setUp(openssl, createContext(openssl, 'responder'));
}

/**
 * An SSL_CTX for one run. Nothing is freed: the process that runs it ends with it.
 * @throws Error if OpenSSL refuses any of it: nothing goes on with less
 */
export function createSrpContext(openssl: OpenSsl, settings: SrpSettings): Pointer {
  // A name or PIN in C ends at its first NUL: such a PIN would be another, shorter one.
  for (const text of [settings.pin, settings.decoy, ...settings.names]) demand(/^[^\0]+$/.test(text), 'such a name or PIN');
  const context = createContext(openssl, settings.role);
  setUp(openssl, context);
  if (settings.role === 'initiator') setUpClient(openssl, context, settings);
  else setUpServer(openssl, context, settings);
  return context;
}

function createContext(openssl: OpenSsl, role: Role): Pointer {
  const context = openssl.SSL_CTX_new(role === 'initiator' ? openssl.TLS_client_method() : openssl.TLS_server_method());
  if (context === null) throw new Error('OpenSSL is out of memory.');
  return context;
}

function setUp(openssl: OpenSsl, context: Pointer): void {
  demand(openssl.SSL_CTX_ctrl(context, SET_OLDEST_VERSION, TLS_1_2, null) === 1, 'TLS 1.2');
  demand(openssl.SSL_CTX_ctrl(context, SET_NEWEST_VERSION, TLS_1_2, null) === 1, 'TLS 1.2');
  demand(openssl.SSL_CTX_set_cipher_list(context, SUITES) === 1, 'suites with SRP');
  openssl.SSL_CTX_set_options(context, OPTIONS);
  // SECURITY: a session that could be resumed would skip the PIN. The context serves one run, and remembers nothing.
  openssl.SSL_CTX_ctrl(context, SET_SESSION_CACHE, 0, null);
  openssl.SSL_CTX_ctrl(context, SET_MODE, MODES, null);
}

function setUpClient(openssl: OpenSsl, context: Pointer, { names: [name = ''], pin, groupBits }: SrpSettings): void {
  demand(openssl.SSL_CTX_set_srp_username(context, name) === 1, 'such a user name');
  demand(openssl.SSL_CTX_set_srp_password(context, pin) === 1, 'such a PIN');
  // RFC 5054 §3.2: a server that picks a small group could break it. Groups that are not in the RFC are refused anyway.
  demand(openssl.SSL_CTX_set_srp_strength(context, groupBits) === 1, 'such a group');
}

function setUpServer(openssl: OpenSsl, context: Pointer, { names, pin, decoy, groupBits }: SrpSettings): void {
  const callback = openssl.register((ssl, alert) => {
    try {
      const name = openssl.SSL_get_srp_username(ssl) ?? '';
      // RFC 5054 §2.5.1.3: an unknown user is answered as a known one would be. The same work is done for both.
      const password = names.includes(name) ? pin : decoy;
      if (openssl.SSL_set_srp_server_param_pw(ssl, name, password, String(groupBits)) === 1) return CONTINUE;
    } catch {
      // An exception must not get into C.
    }
    openssl.writeInt(alert, INTERNAL_ERROR_ALERT);
    return FATAL;
  });
  openssl.SSL_CTX_set_srp_username_callback(context, callback);
}

function demand(holds: boolean, what: string): void {
  if (!holds) throw new Error(`OpenSSL does not do ${what}.`);
}
