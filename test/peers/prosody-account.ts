import { createHash, createHmac, pbkdf2Sync, randomUUID } from 'node:crypto';

const ITERATIONS = 4096;

/** What mod_auth_internal_hashed keeps of a password (RFC 5802 §3), as the Lua table of its account file. */
export function accountFile(password: string, hash: 'SHA-1' | 'SHA-256'): string {
  const algorithm = hash === 'SHA-1' ? 'sha1' : 'sha256';
  const salt = randomUUID();
  const salted = pbkdf2Sync(password, salt, ITERATIONS, hash === 'SHA-1' ? 20 : 32, algorithm);
  const hmac = (text: string) => createHmac(algorithm, salted).update(text).digest();
  const stored = createHash(algorithm).update(hmac('Client Key')).digest('hex');
  return `return {
  ["stored_key"] = "${stored}"; ["server_key"] = "${hmac('Server Key').toString('hex')}";
  ["salt"] = "${salt}"; ["iteration_count"] = ${ITERATIONS};
};
`;
}

/** How Prosody's file storage writes a host or user name. */
export function storeName(name: string): string {
  return [...Buffer.from(name)]
    .map((byte) => (/[a-z0-9]/i.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).padStart(2, '0')}`))
    .join('');
}
