import { readFile, writeFile } from 'node:fs/promises';
import { run } from './process.ts';

/** A line that has to be another, exactly as it is there, and how often. */
interface Mend {
  readonly line: string;
  readonly count: number;
  readonly by: string;
}

/** COMPAT(prosody-modules of Debian 12): modules that were written for another Prosody, or an older Lua, than is beside them. */
const MENDS = {
  client_certs: [
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
      by: 'local cert = ssl_x509.load("-----BEGIN CERTIFICATE-----\\n"..x509cert:gsub("%s", ""):gsub(("."):rep(64), "%0\\n"):gsub("\\n?$", "\\n", 1).."-----END CERTIFICATE-----\\n");',
    },
  ],
  sasl2: [
    {
      // Connections have that method only after 0.12.
      line: 'local info = origin.conn:ssl_info();',
      count: 1,
      by: 'local info = origin.conn:socket():info();',
    },
  ],
  sasl2_fast: [
    {
      // 0.12 does not tell whom the stream's header names; nothing but that there is somebody is made of it.
      line: 'username = jid.node(event.stream.from);',
      count: 1,
      by: 'username = "somebody";',
    },
    {
      // Stanzas have that method only after 0.12.
      line: 'local client_id = auth:get_child_attr("user-agent", nil, "id");',
      count: 1,
      by: 'local client_id = (auth:get_child("user-agent") or { attr = {} }).attr.id;',
    },
    {
      // Lua 5.4 makes no date of a fraction.
      line: 'expiry = dt.datetime(token_info.expires_at);',
      count: 1,
      by: 'expiry = dt.datetime(math.floor(token_info.expires_at));',
    },
  ],
} as const satisfies Record<string, readonly Mend[]>;

export type MendedModule = keyof typeof MENDS;

/** Writes a mod_NAME that works into `folder`. Rejects if the package's is not the one that is known. */
export async function mendModule(name: MendedModule, folder: string): Promise<void> {
  const file = `mod_${name}.lua`;
  const source = (await run(['dpkg-query', '-L', 'prosody-modules'])).split('\n').find((path) => path.endsWith(`/${file}`));
  if (source === undefined) throw new Error(`prosody-modules has no ${file}`);
  await writeFile(`${folder}/${file}`, mended(file, await readFile(source, 'utf8'), MENDS[name]));
}

function mended(file: string, text: string, mends: readonly Mend[]): string {
  const lines = text.split('\n');
  for (const { line, count, by } of mends) {
    const found = lines.flatMap((one, index) => (one.trim() === line ? [index] : []));
    if (found.length !== count) throw new Error(`${file} has ${found.length} lines, not ${count}, that read: ${line}`);
    for (const index of found) lines[index] = (lines[index] as string).replace(line, () => by);
  }
  return lines.join('\n');
}
