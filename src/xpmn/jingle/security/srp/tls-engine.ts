import type { Role } from '../../../ports/transport.ts';
import type { OpenSsl, Pointer } from './openssl.ts';

/** The peer broke TLS, or did not prove that it knows the PIN. The message is OpenSSL's reason; no secret is in it. */
export class TlsError extends Error {}

/** What a handshake has brought: enough for any keying material of the session. */
export interface SessionKeys {
  readonly master: Buffer;
  readonly clientRandom: Buffer;
  readonly serverRandom: Buffer;
}

const WANT_READ = 2;
const WANT_WRITE = 3;
const ZERO_RETURN = 6;
const GET_EXTENDED_MASTER_SECRET = 122;
/** The largest piece of plaintext in a record. */
const RECORD = 16384;

/**
 * One end of a TLS session, with nothing around it: ciphertext is given and taken by hand, through a pair of memory BIOs of
 * a fixed size. Whatever can't go on for now answers 0 or false, and is asked again later.
 *
 * Every operation that TLS itself does may throw a TlsError. An alert for the peer may be left to be taken then.
 */
export class TlsEngine {
  private readonly openssl: OpenSsl;
  private readonly ssl: Pointer;
  /** The end of the pair that is not OpenSSL's. */
  private readonly network: Pointer;
  private readonly plain = Buffer.alloc(RECORD);
  private readonly cipher: Buffer;

  /** `bufferBytes`: ciphertext that may wait inside, each way. */
  constructor(openssl: OpenSsl, context: Pointer, role: Role, { bufferBytes }: { readonly bufferBytes: number }) {
    this.openssl = openssl;
    this.cipher = Buffer.alloc(bufferBytes);
    const ssl = openssl.SSL_new(context);
    const [inner, outer]: [[Pointer | null], [Pointer | null]] = [[null], [null]];
    const isPaired = openssl.BIO_new_bio_pair(inner, bufferBytes, outer, bufferBytes) === 1;
    if (ssl === null || !isPaired || inner[0] === null || outer[0] === null) throw new Error('OpenSSL is out of memory.');
    this.ssl = ssl;
    this.network = outer[0];
    openssl.SSL_set_bio(ssl, inner[0], inner[0]);
    if (role === 'initiator') openssl.SSL_set_connect_state(ssl);
    else openssl.SSL_set_accept_state(ssl);
  }

  /** Goes on with the handshake; true when it is complete. */
  handshake(): boolean {
    this.openssl.ERR_clear_error();
    return this.judge(this.openssl.SSL_do_handshake(this.ssl)) > 0;
  }

  /**
   * RFC 7627 §5.2: without the extended master secret the keys would not stand for the whole handshake.
   * @throws TlsError if the peer does not do it
   */
  get keys(): SessionKeys {
    const { openssl, ssl } = this;
    if (openssl.SSL_ctrl(ssl, GET_EXTENDED_MASTER_SECRET, 0, null) !== 1) throw new TlsError('no extended master secret');
    const keys = { master: Buffer.alloc(48), clientRandom: Buffer.alloc(32), serverRandom: Buffer.alloc(32) };
    openssl.SSL_SESSION_get_master_key(openssl.SSL_get_session(ssl), keys.master, keys.master.length);
    openssl.SSL_get_client_random(ssl, keys.clientRandom, keys.clientRandom.length);
    openssl.SSL_get_server_random(ssl, keys.serverRandom, keys.serverRandom.length);
    return keys;
  }

  /** Plaintext that has come, at most a record; nothing for now; or that the peer has said that nothing follows. */
  read(): Buffer | 'nothing' | 'closed' {
    this.openssl.ERR_clear_error();
    const count = this.judge(this.openssl.SSL_read(this.ssl, this.plain, this.plain.length));
    if (count > 0) return Buffer.from(this.plain.subarray(0, count));
    return count < 0 ? 'closed' : 'nothing';
  }

  /** How many bytes of `plaintext` were taken. What was refused must come again, unchanged. */
  write(plaintext: Buffer): number {
    const piece = plaintext.subarray(0, RECORD);
    this.openssl.ERR_clear_error();
    return Math.max(0, this.judge(this.openssl.SSL_write(this.ssl, piece, piece.length)));
  }

  /** Says that nothing follows; true when that is said. */
  close(): boolean {
    this.openssl.ERR_clear_error();
    const result = this.openssl.SSL_shutdown(this.ssl);
    // 0: it is sent; the peer's is still to come, and `read` will find it.
    return result >= 0 || this.judge(result) > 0;
  }

  /** How many bytes of `ciphertext` were taken. */
  give(ciphertext: Buffer): number {
    return Math.max(0, this.openssl.BIO_write(this.network, ciphertext, ciphertext.length));
  }

  /** Ciphertext for the peer. */
  take(): Buffer | undefined {
    const count = this.openssl.BIO_read(this.network, this.cipher, this.cipher.length);
    return count > 0 ? Buffer.from(this.cipher.subarray(0, count)) : undefined;
  }

  /** Whether there is ciphertext to be taken. */
  get hasOutput(): boolean {
    return this.openssl.BIO_ctrl_pending(this.network) > 0;
  }

  /** What the result of a call means: positive if it did something, 0 if it can't for now, negative after the peer's close_notify. */
  private judge(result: number): number {
    if (result > 0) return result;
    const { openssl } = this;
    const error = openssl.SSL_get_error(this.ssl, result);
    if (error === WANT_READ || error === WANT_WRITE) return 0;
    if (error === ZERO_RETURN) return -1;
    throw new TlsError(openssl.ERR_reason_error_string(openssl.ERR_peek_error()) ?? `error ${error}`);
  }
}
