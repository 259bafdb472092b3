import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from './process.ts';

/** PEM texts; the authority signs nothing else and is forgotten with its directory. */
export interface ServerCertificate {
  readonly ca: string;
  readonly certificateFile: string;
  readonly keyFile: string;
}

const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];

/** Makes a private authority in `directory`, and a server certificate for DNS `names` under it (openssl, 0.1 s). */
export async function makeServerCertificate(directory: string, names: readonly string[]): Promise<ServerCertificate> {
  const file = (name: string) => join(directory, name);
  await run([
    'openssl', 'req', '-x509', ...EC, '-subj', '/CN=Test authority',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign',
    '-keyout', file('ca.key'), '-out', file('ca.crt'),
  ]);
  await run([
    'openssl', 'req', '-x509', '-CA', file('ca.crt'), '-CAkey', file('ca.key'), ...EC, '-subj', `/CN=${names[0] ?? ''}`,
    '-addext', `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
    '-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'extendedKeyUsage=serverAuth',
    '-keyout', file('server.key'), '-out', file('server.leaf'),
  ]);
  const ca = await readFile(file('ca.crt'), 'utf8');
  await writeFile(file('server.crt'), (await readFile(file('server.leaf'), 'utf8')) + ca);
  return { ca, certificateFile: file('server.crt'), keyFile: file('server.key') };
}
