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

/** PEM texts. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

/** A client's certificate under the authority in `directory`, which names that xmppAddr, or nobody. */
export async function signClient(directory: string, address?: string): Promise<ClientCertificate> {
  const file = (name: string) => join(directory, name);
  const names = address === undefined ? [] : ['-addext', `subjectAltName=otherName:1.3.6.1.5.5.7.8.5;UTF8:${address}`];
  await run([
    'openssl', 'req', '-x509', '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-newkey', 'rsa:2048', '-nodes', '-days', '30', '-subj', '/CN=A device',
    ...names, '-addext', 'basicConstraints=critical,CA:FALSE', '-keyout', file('client.key'), '-out', file('client.crt'),
  ]);
  return { certificate: await readFile(file('client.crt'), 'utf8'), privateKey: await readFile(file('client.key'), 'utf8') };
}
