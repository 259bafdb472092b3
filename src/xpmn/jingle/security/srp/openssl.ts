import koffi from 'koffi';

/** An address in OpenSSL's memory. Zero is spelt null. */
export type Pointer = bigint;

/** Called inside SSL_do_handshake when the client's user name is known; `alert` is an int to write to. */
type UserNameCallback = (ssl: Pointer, alert: Pointer) => number;

/**
 * What is used of OpenSSL, under its own names: the one that Node itself runs with, whose symbols the executable exports.
 * A copy beside it would clash with it (symbols of the same name in one process).
 */
export interface OpenSsl {
  TLS_client_method(): Pointer;
  TLS_server_method(): Pointer;
  SSL_CTX_new(method: Pointer): Pointer | null;
  SSL_CTX_ctrl(context: Pointer, command: number, number: number, pointer: null): number;
  SSL_CTX_set_options(context: Pointer, options: number): number;
  SSL_CTX_set_cipher_list(context: Pointer, names: string): number;
  SSL_CTX_set_srp_username(context: Pointer, name: string): number;
  SSL_CTX_set_srp_password(context: Pointer, password: string): number;
  SSL_CTX_set_srp_strength(context: Pointer, bits: number): number;
  SSL_CTX_set_srp_username_callback(context: Pointer, callback: Pointer): number;
  SSL_get_srp_username(ssl: Pointer): string | null;
  SSL_set_srp_server_param_pw(ssl: Pointer, name: string, password: string, group: string): number;
  SSL_new(context: Pointer): Pointer | null;
  SSL_ctrl(ssl: Pointer, command: number, number: number, pointer: null): number;
  SSL_set_bio(ssl: Pointer, read: Pointer, write: Pointer): void;
  SSL_set_connect_state(ssl: Pointer): void;
  SSL_set_accept_state(ssl: Pointer): void;
  SSL_do_handshake(ssl: Pointer): number;
  SSL_read(ssl: Pointer, into: Buffer, length: number): number;
  SSL_write(ssl: Pointer, from: Buffer, length: number): number;
  SSL_shutdown(ssl: Pointer): number;
  SSL_get_error(ssl: Pointer, result: number): number;
  SSL_get_session(ssl: Pointer): Pointer;
  SSL_SESSION_get_master_key(session: Pointer, into: Buffer, length: number): number;
  SSL_get_client_random(ssl: Pointer, into: Buffer, length: number): number;
  SSL_get_server_random(ssl: Pointer, into: Buffer, length: number): number;
  BIO_new_bio_pair(one: [Pointer | null], oneSize: number, other: [Pointer | null], otherSize: number): number;
  BIO_read(bio: Pointer, into: Buffer, length: number): number;
  BIO_write(bio: Pointer, from: Buffer, length: number): number;
  BIO_ctrl_pending(bio: Pointer): number;
  ERR_clear_error(): void;
  ERR_peek_error(): number;
  ERR_reason_error_string(code: number): string | null;
  /** A C function pointer for `callback`, valid for as long as the process lives. */
  register(callback: UserNameCallback): Pointer;
  writeInt(at: Pointer, value: number): void;
}

const PROTOTYPES = [
  'void *TLS_client_method()',
  'void *TLS_server_method()',
  'void *SSL_CTX_new(void *method)',
  'long SSL_CTX_ctrl(void *context, int command, long number, void *pointer)',
  'uint64_t SSL_CTX_set_options(void *context, uint64_t options)',
  'int SSL_CTX_set_cipher_list(void *context, const char *names)',
  'int SSL_CTX_set_srp_username(void *context, const char *name)',
  'int SSL_CTX_set_srp_password(void *context, const char *password)',
  'int SSL_CTX_set_srp_strength(void *context, int bits)',
  'int SSL_CTX_set_srp_username_callback(void *context, void *callback)',
  'const char *SSL_get_srp_username(void *ssl)',
  'int SSL_set_srp_server_param_pw(void *ssl, const char *name, const char *password, const char *group)',
  'void *SSL_new(void *context)',
  'long SSL_ctrl(void *ssl, int command, long number, void *pointer)',
  'void SSL_set_bio(void *ssl, void *read, void *write)',
  'void SSL_set_connect_state(void *ssl)',
  'void SSL_set_accept_state(void *ssl)',
  'int SSL_do_handshake(void *ssl)',
  'int SSL_read(void *ssl, void *into, int length)',
  'int SSL_write(void *ssl, const void *from, int length)',
  'int SSL_shutdown(void *ssl)',
  'int SSL_get_error(void *ssl, int result)',
  'void *SSL_get_session(void *ssl)',
  'size_t SSL_SESSION_get_master_key(void *session, void *into, size_t length)',
  'size_t SSL_get_client_random(void *ssl, void *into, size_t length)',
  'size_t SSL_get_server_random(void *ssl, void *into, size_t length)',
  'int BIO_new_bio_pair(_Out_ void **one, size_t oneSize, _Out_ void **other, size_t otherSize)',
  'int BIO_read(void *bio, void *into, int length)',
  'int BIO_write(void *bio, const void *from, int length)',
  'size_t BIO_ctrl_pending(void *bio)',
  'void ERR_clear_error()',
  'unsigned long ERR_peek_error()',
  'const char *ERR_reason_error_string(unsigned long code)',
] as const;

/** @throws Error if this Node has no OpenSSL of its own, or one without SRP */
export function loadOpenSsl(): OpenSsl {
  const library = koffi.load(null);
  const functions = PROTOTYPES.map((prototype) => [/(\w+)\(/.exec(prototype)?.[1], library.func(prototype)]);
  const callbackType = koffi.pointer(koffi.proto('int (void *ssl, void *alert, void *argument)'));
  return {
    ...(Object.fromEntries(functions) as Omit<OpenSsl, 'register' | 'writeInt'>),
    register: (callback) => koffi.register(callback, callbackType),
    writeInt: (at, value) => koffi.encode(at, 'int', value),
  };
}
