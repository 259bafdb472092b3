import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { makeServerCertificate, signClient } from './authority.ts';
import type { ClientCertificate } from './authority.ts';
import { freePort, run, startProcess } from './process.ts';
import type { ManagedProcess } from './process.ts';

export interface EjabberdOptions {
  /** Local part to password. */
  readonly users: Readonly<Record<string, string>>;
  /** Asks clients for certificates of its own authority, and lets them log in as whom those name. */
  readonly clientCertificates?: boolean | undefined;
}

export interface Ejabberd {
  readonly domain: string;
  readonly host: string;
  readonly port: number;
  /** The authority's certificate in PEM. */
  readonly ca: string;
  readonly process: ManagedProcess;
  /** A client's certificate, signed by the authority; without an address, it may log in as anybody. */
  sign(address?: string): Promise<ClientCertificate>;
  /** Ends the process and removes its state. Idempotent. */
  stop(): Promise<void>;
}

const DOMAIN = 'home.test';
const HOST = '127.0.0.1';

/** Starts an ejabberd of its own in about two seconds; without distribution, so any number can run side by side. */
export async function startEjabberd(options: EjabberdOptions): Promise<Ejabberd> {
  const state = await mkdtemp(join(tmpdir(), 'xpmn-ejabberd-'));
  try {
    const port = await freePort(HOST);
    const { ca } = await makeServerCertificate(state, [DOMAIN]);
    for (const folder of ['home', 'spool', 'logs']) await mkdir(join(state, folder));
    await writeFile(join(state, 'ejabberd.yml'), configuration(state, port, options));
    await writeFile(join(state, 'users'), Object.entries(options.users).map(([local, password]) => `{${text(local)}, ${text(password)}}.\n`).join(''));
    await chmod(state, 0o700);
    if (process.getuid?.() === 0) await run(['chown', '-R', 'ejabberd:', state]);
    const running = await launch(state);
    return {
      domain: DOMAIN, host: HOST, port, ca, process: running,
      sign: (address) => signClient(state, address),
      stop: async () => {
        await running.stop();
        await rm(state, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(state, { recursive: true, force: true });
    throw error;
  }
}

/** Not by ejabberdctl: that starts a port mapper for all of the machine, which outlives it. */
async function launch(state: string): Promise<ManagedProcess> {
  const files = (await run(['dpkg-query', '-L', 'ejabberd'])).split('\n');
  const application = files.find((file) => file.endsWith('/ebin/ejabberd.app'));
  if (application === undefined) throw new Error('ejabberd is not there');
  const register = `{ok, Users} = file:consult("${state}/users"), [ok = ejabberd_auth:try_register(U, <<"${DOMAIN}">>, P) || {U, P} <- Users], io:format("all users are there~n")`;
  const argv = ['erl', '-noinput', '-mnesia', 'dir', `"${state}/spool"`, '-s', 'ejabberd', '-eval', register];
  const env = {
    ...process.env,
    HOME: join(state, 'home'), ERL_LIBS: dirname(dirname(dirname(application))), ERL_CRASH_DUMP: '/dev/null', ERL_FLAGS: '+S 1',
    EJABBERD_CONFIG_PATH: join(state, 'ejabberd.yml'), EJABBERD_LOG_PATH: join(state, 'logs/ejabberd.log'),
  };
  const running = await startProcess('ejabberd', argv, { user: 'ejabberd', cwd: state, env });
  try {
    await running.said(/all users are there/, 30_000);
    return running;
  } catch (error) {
    await running.stop();
    throw error;
  }
}

function configuration(state: string, port: number, { clientCertificates = false }: EjabberdOptions): string {
  return `
loglevel: info
hosts: ["${DOMAIN}"]
certfiles: ["${state}/server.crt", "${state}/server.key"]
c2s_cafile: "${state}/ca.crt"
listen:
  - { port: ${port}, ip: "${HOST}", module: ejabberd_c2s, max_stanza_size: 262144, access: all, starttls_required: true, tls_verify: ${clientCertificates} }
auth_method: internal
auth_password_format: scram
disable_sasl_mechanisms: ["digest-md5", "plain", "X-OAUTH2"]
modules:
  mod_caps: {}
  mod_disco: {}
  mod_ping: {}
  mod_pubsub: { plugins: ["flat", "pep"], max_items_node: 10000 }
  mod_roster: {}
`;
}

/** A binary as Erlang reads it. */
function text(value: string): string {
  return `<<${[...Buffer.from(value)].join(',')}>>`;
}
