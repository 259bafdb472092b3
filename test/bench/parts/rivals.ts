import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { run, startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';
import type { Target } from './sink.ts';

/** What the gateways negotiate between themselves: the rivals get no cheaper one. */
export const CIPHER = 'TLS_AES_256_GCM_SHA384';

export type RivalName = 'nginx' | 'nginx-tuned' | 'stunnel' | 'node';

/** One side of the wire: where a rival's process runs, and the address that it listens on. */
export interface Side {
  readonly netns: string | undefined;
  readonly listen: string;
}

export interface RivalPlan {
  readonly directory: string;
  /** Near the source, and near the player. */
  readonly near: Side;
  readonly far: Side;
  /** What the player's side dials to reach the other one; differs from `near.listen` behind a router. */
  readonly dial: string;
  /** `host:port` of the source. */
  readonly origin: string;
  /** Three ports on the near side (nginx, stunnel, node) and four on the far side, from here on. */
  readonly firstPort: number;
}

export interface Rivals {
  /** The same path as on the source, through a rival. */
  target(name: RivalName, path: string): Target;
  pids(name: RivalName): readonly number[];
  stop(): Promise<void>;
}

const SCRIPT = fileURLToPath(new URL('node-tunnel.mjs', import.meta.url));

/** The near side has large buffers for both nginx variants, as it costs them nothing. */
const TUNED = 'proxy_buffers 16 64k; proxy_buffer_size 64k;';

/**
 * What people would put there instead, from Debian's packages: a pair of nginx (HTTP in, TLS 1.3 between, HTTP out) with
 * default and with large buffers on the player's side, and a pair of stunnel. One process each, as the gateways have.
 * `node` is no product: a bare tunnel in the same language, to tell the price of Node from that of the gateway.
 */
export async function startRivals(plan: RivalPlan): Promise<Rivals> {
  const { directory, near, far, dial, origin, firstPort } = plan;
  await mkdir(directory, { recursive: true });
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  const ec = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '30'];
  await run(['openssl', 'req', '-x509', ...ec, '-subj', '/CN=rival', '-keyout', key, '-out', certificate]);
  const port = { 'nginx': firstPort, 'nginx-tuned': firstPort + 1, 'stunnel': firstPort + 2, 'node': firstPort + 3 };
  const [tls, tunnel, bare] = [firstPort + 4, firstPort + 5, firstPort + 6];
  const ssl = `ssl_protocols TLSv1.3; ssl_conf_command Ciphersuites ${CIPHER};`;
  const toOrigin = `location / { proxy_pass http://origin; proxy_set_header Host ${origin}; ${TUNED} }`;
  const toNear = (more: string): string => `location / { proxy_pass https://near; ${more} }`;
  const texts = {
    'near.conf': nginx(join(directory, 'near'), `upstream origin { server ${origin}; keepalive 64; }
      server { listen ${near.listen}:${tls} ssl; ssl_certificate ${certificate}; ssl_certificate_key ${key}; ${ssl} ${toOrigin} }`),
    'far.conf': nginx(join(directory, 'far'), `upstream near { server ${dial}:${tls}; keepalive 64; } ${ssl.replaceAll('ssl_', 'proxy_ssl_')}
      server { listen ${far.listen}:${port.nginx}; ${toNear('')} }
      server { listen ${far.listen}:${port['nginx-tuned']}; ${toNear(TUNED)} }`),
    'near-tunnel.conf': stunnel(`accept=${near.listen}:${tunnel}\nconnect=${origin}\ncert=${certificate}\nkey=${key}`),
    'far-tunnel.conf': stunnel(`client=yes\naccept=${far.listen}:${port.stunnel}\nconnect=${dial}:${tunnel}`),
  };
  for (const [name, text] of Object.entries(texts)) await writeFile(join(directory, name), text);
  const started: ManagedProcess[] = [];
  const start = async (command: string, side: Side, argv: readonly string[]): Promise<void> => {
    started.push(await startProcess(basename(command), [command, ...argv], { netns: side.netns }));
  };
  await start('nginx', near, ['-c', join(directory, 'near.conf')]);
  await start('nginx', far, ['-c', join(directory, 'far.conf')]);
  await start('stunnel4', near, [join(directory, 'near-tunnel.conf')]);
  await start('stunnel4', far, [join(directory, 'far-tunnel.conf')]);
  const node = (side: Side, ...words: readonly string[]): Promise<void> => start(process.execPath, side, [SCRIPT, ...words]);
  await node(near, 'near', near.listen, String(bare), ...origin.split(':'), CIPHER, certificate, key);
  await node(far, 'far', far.listen, String(port.node), dial, String(bare), CIPHER);
  return {
    target: (name, path) => ({ url: `http://${far.listen}:${port[name]}${path}`, host: origin }),
    pids: (name) => started.filter((one) => one.name.startsWith(name.slice(0, 4))).map(({ pid }) => pid),
    stop: async () => {
      await Promise.all(started.map((one) => one.stop()));
    },
  };
}

/** Keep-alive on both sides, and nothing on disk. */
function nginx(files: string, inner: string): string {
  return `daemon off; master_process off; worker_processes 1; pid ${files}.pid; error_log ${files}.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 1000000; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_max_temp_file_size 0;
  client_body_temp_path ${files}.body; proxy_temp_path ${files}.proxy; fastcgi_temp_path ${files}.f; uwsgi_temp_path ${files}.u; scgi_temp_path ${files}.s;
  ${inner}
}
`;
}

function stunnel(inner: string): string {
  return `foreground=yes\npid=\nsyslog=no\ndebug=3\n[wire]\n${inner}\nsslVersion=TLSv1.3\nciphersuites=${CIPHER}\n`;
}
