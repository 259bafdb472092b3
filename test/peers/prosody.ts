import { chmod, copyFile, mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeServerCertificate } from './authority.ts';
import { freePort, run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';
import { mendModule } from './prosody-mended.ts';
import { accountFile, storeName } from './prosody-account.ts';

export interface ProsodyOptions {
  /** Local part to password. */
  readonly users: Readonly<Record<string, string>>;
  readonly domain?: string | undefined;
  readonly netns?: string | undefined;
  /** Where it listens, with every port it opens. */
  readonly address?: string | undefined;
  /** Port for clients; a free one by default, 5222 in a namespace. */
  readonly port?: number | undefined;
  /** mod_limits' rate for client streams, as in Debian's sample: `10kb/s`. Off by default. */
  readonly limits?: string | undefined;
  /** A SOCKS5 proxy as component `proxy.DOMAIN` (mod_proxy65). */
  readonly proxy65?: boolean | undefined;
  /** Stream management (XEP-0198). */
  readonly smacks?: boolean | undefined;
  /** Writes down all that the server handles: see `handled`. */
  readonly trace?: boolean | undefined;
  /** The one SCRAM mechanism that it offers; Debian's default is SHA-1. */
  readonly hash?: 'SHA-1' | 'SHA-256' | undefined;
  /** DNS names of the certificate instead of the domain's own. */
  readonly certificateNames?: readonly string[] | undefined;
  /** Modules of `prosody-modules` beside that, by name. */
  readonly modules?: readonly string[] | undefined;
  /** Asks clients for certificates, of anybody, and takes those that users have added (XEP-0257, mod_client_certs). */
  readonly clientCertificates?: boolean | undefined;
  /** Gives tokens to log in with (SASL2 and FAST, XEP-0388 and XEP-0484). */
  readonly tokens?: boolean | undefined;
  /** Lines of Lua for the global part of the configuration. */
  readonly extra?: string | undefined;
}

export interface Prosody {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  /** The authority's certificate in PEM. */
  readonly ca: string;
  readonly proxy: { readonly jid: string; readonly host: string; readonly port: number } | undefined;
  readonly process: ManagedProcess;
  /** Also replaces the password of one who exists. */
  addUser(local: string, password: string): Promise<void>;
  /**
   * Everything that the server itself has handled so far, decrypted: stanzas in their order, then each connection's
   * bytes in and out (relayed SOCKS5 bytes too). Rejects if the trace is not whole or not on.
   */
  handled(): Promise<string>;
  /** The same as bytes, for what is not text. */
  handledBytes(): Promise<Buffer>;
  /** Ends the process (`crash`: by KILL) and starts it again: same port, accounts, certificate. */
  restart(options?: { readonly crash?: boolean }): Promise<void>;
  /** Ends the process and removes its state. Idempotent. */
  stop(): Promise<void>;
}

/** Starts a Prosody of its own in less than a second; any number can run side by side. */
export async function startProsody(options: ProsodyOptions): Promise<Prosody> {
  const domain = options.domain ?? 'home.test';
  const host = options.address ?? '127.0.0.1';
  const state = await mkdtemp(join(tmpdir(), 'xpmn-prosody-'));
  try {
    const choose = (fixed: number) => (options.netns === undefined ? freePort(host) : fixed);
    const port = options.port ?? (await choose(5222));
    const proxyPort = options.proxy65 ? await choose(5000) : undefined;
    const names = options.certificateNames ?? [domain, `proxy.${domain}`];
    const certificate = await makeServerCertificate(state, names);
    for (const folder of ['data', 'trace', 'modules']) await mkdir(join(state, folder));
    for (const name of ['trace', ...(options.modules ?? [])]) {
      await copyFile(new URL(`prosody-modules/mod_${name}.lua`, import.meta.url), join(state, `modules/mod_${name}.lua`));
    }
    if (options.clientCertificates) await mendModule('client_certs', join(state, 'modules'));
    if (options.tokens) for (const name of ['sasl2', 'sasl2_fast'] as const) await mendModule(name, join(state, 'modules'));
    await writeFile(join(state, 'prosody.cfg.lua'), configuration({ ...options, domain, host, port, proxyPort, state }));
    const server = new RunningProsody(options, state, domain, { host, port, proxyPort, ca: certificate.ca });
    for (const [local, password] of Object.entries(options.users)) await server.addUser(local, password);
    await server.launch();
    return server;
  } catch (error) {
    await rm(state, { recursive: true, force: true });
    throw error;
  }
}

interface Configuration extends ProsodyOptions {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  readonly proxyPort: number | undefined;
  readonly state: string;
}

function configuration(c: Configuration): string {
  const modules = ['roster', 'saslauth', 'tls', 'disco', 'pep', 'ping', 'posix'];
  if (c.smacks) modules.push('smacks');
  if (c.limits !== undefined) modules.push('limits');
  if (c.trace) modules.push('trace');
  if (c.clientCertificates) modules.push('client_certs');
  if (c.tokens) modules.push('sasl2', 'sasl2_fast');
  modules.push(...(c.modules ?? []));
  const lines = [
    `plugin_paths = { "${c.state}/modules" }`,
    `data_path = "${c.state}/data"; pidfile = "${c.state}/prosody.pid"; trace_directory = "${c.state}/trace"`,
    'log = { info = "*console" }',
    `interfaces = { "${c.host}" }; c2s_ports = { ${c.port} }; c2s_direct_tls_ports = {}`,
    `modules_enabled = { ${modules.map((name) => `"${name}"`).join(', ')} }`,
    'modules_disabled = { "s2s", "offline", "carbons" }',
    'c2s_require_encryption = true; allow_unencrypted_plain_auth = false',
    `authentication = "internal_hashed"; password_hash = "${c.hash ?? 'SHA-1'}"; disable_sasl_mechanisms = { "PLAIN" }`,
    'storage = "internal"; pep_max_items = 10000',
    `ssl = { certificate = "${c.state}/server.crt", key = "${c.state}/server.key" }`,
  ];
  if (c.clientCertificates) lines.push('c2s_ssl = { verify = { "peer", "client_once" }, verifyext = { "lsec_continue", "lsec_ignore_purpose" } }');
  if (c.limits !== undefined) lines.push(`limits = { c2s = { rate = "${c.limits}" } }`);
  if (c.proxyPort !== undefined) lines.push(`proxy65_ports = { ${c.proxyPort} }; proxy65_interfaces = { "${c.host}" }`);
  if (c.extra !== undefined) lines.push(c.extra);
  lines.push(`VirtualHost "${c.domain}"`);
  if (c.proxyPort !== undefined) lines.push(`Component "proxy.${c.domain}" "proxy65"`, `proxy65_address = "${c.host}"`);
  return `${lines.join('\n')}\n`;
}

interface Endpoint {
  readonly host: string;
  readonly port: number;
  readonly proxyPort: number | undefined;
  readonly ca: string;
}

class RunningProsody implements Prosody {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  readonly ca: string;
  readonly proxy: Prosody['proxy'];
  process!: ManagedProcess;
  private readonly options: ProsodyOptions;
  private readonly state: string;

  constructor(options: ProsodyOptions, state: string, domain: string, endpoint: Endpoint) {
    this.options = options;
    this.state = state;
    this.domain = domain;
    this.host = endpoint.host;
    this.port = endpoint.port;
    this.ca = endpoint.ca;
    this.proxy =
      endpoint.proxyPort === undefined
        ? undefined
        : { jid: `proxy.${domain}`, host: endpoint.host, port: endpoint.proxyPort };
  }

  async launch(): Promise<void> {
    await this.handOver();
    const { netns, trace } = this.options;
    const argv = ['prosody', '-F', '--config', join(this.state, 'prosody.cfg.lua')];
    this.process = await startProcess('prosody', argv, { netns, user: 'prosody', cwd: this.state });
    try {
      const services = ["Activated service 'c2s' on \\[[^,]*:\\d"];
      if (this.proxy) services.push("Activated service 'proxy65' on \\[[^,]*:\\d");
      if (trace) services.push('Everything is traced');
      for (const text of services) await this.process.said(new RegExp(text));
    } catch (error) {
      await this.process.stop();
      throw error;
    }
  }

  async addUser(local: string, password: string): Promise<void> {
    const folder = join(this.state, 'data', storeName(this.domain), 'accounts');
    await mkdir(folder, { recursive: true });
    const file = join(folder, `${storeName(local)}.dat`);
    await writeFile(file, accountFile(password, this.options.hash ?? 'SHA-1'));
    await this.handOver();
  }

  async handled(): Promise<string> {
    return (await this.handledBytes()).toString('utf8');
  }

  async handledBytes(): Promise<Buffer> {
    if (!this.options.trace) throw new Error('this server keeps no trace');
    const folder = join(this.state, 'trace');
    const names = (await readdir(folder)).sort().reverse();
    if (names.includes('cut')) throw new Error('the trace is not whole');
    return Buffer.concat(await Promise.all(names.map((name) => readFile(join(folder, name)))));
  }

  async restart({ crash = false }: { readonly crash?: boolean } = {}): Promise<void> {
    if (crash) this.process.kill('SIGKILL');
    await this.process.stop();
    await this.launch();
  }

  async stop(): Promise<void> {
    await this.process.stop();
    await rm(this.state, { recursive: true, force: true });
  }

  /** Root prepares the files, the server's own user works with them. */
  private async handOver(): Promise<void> {
    await chmod(this.state, 0o700);
    if (process.getuid?.() === 0) await run(['chown', '-R', 'prosody:', this.state]);
  }
}
