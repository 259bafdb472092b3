import { readFile, writeFile } from 'node:fs/promises';
import { run } from './process.ts';

/** Lines of one of Debian's prosody-modules that have to be others, exactly as they are there, and how often. */
interface Mend {
  readonly line: string;
  readonly count: number;
  readonly by: string;
}

/** COMPAT(prosody-modules of Debian 12): it was written for an older Prosody, and an older Lua. */
const CLIENT_CERTS: readonly Mend[] = [
  {
    // 0.12 has another name for "everybody who is logged in".
    line: 'local cmd_desc = adhoc_new("Manage certificates", "http://prosody.im/protocol/certs", adhoc_handler, "user");',
    count: 1,
    by: 'local cmd_desc = adhoc_new("Manage certificates", "http://prosody.im/protocol/certs", adhoc_handler, "any");',
  },
  {
    // util.x509.der2pem counts lines in fractions, which Lua 5.4 refuses.
    line: 'local cert = ssl_x509.load(util_x509.der2pem(base64.decode(x509cert)));',
    count: 2,
    by: 'local cert = ssl_x509.load("-----BEGIN CERTIFICATE-----\\n"..x509cert:gsub("%s", ""):gsub(("."):rep(64), "%0\\n").."\\n-----END CERTIFICATE-----\\n");',
  },
];

/** Writes a mod_client_certs (XEP-0257) that works to `target`. Rejects if the package's is not the one that is known. */
export async function mendClientCerts(target: string): Promise<void> {
  const files = (await run(['dpkg-query', '-L', 'prosody-modules'])).split('\n');
  const source = files.find((file) => file.endsWith('/mod_client_certs.lua'));
  if (source === undefined) throw new Error('prosody-modules has no mod_client_certs.lua');
  await writeFile(target, mended(await readFile(source, 'utf8'), CLIENT_CERTS));
}

function mended(text: string, mends: readonly Mend[]): string {
  const lines = text.split('\n');
  for (const { line, count, by } of mends) {
    const found = lines.flatMap((one, index) => (one.trim() === line ? [index] : []));
    if (found.length !== count) throw new Error(`mod_client_certs.lua has ${found.length} lines, not ${count}, that read: ${line}`);
    for (const index of found) lines[index] = (lines[index] as string).replace(line, () => by);
  }
  return lines.join('\n');
}
