import { fileURLToPath } from 'node:url';
import { run, startProcess } from '../../peers/process.ts';
import type { Side } from './rivals.ts';

const GIB = 2 ** 30;
const SCRIPT = fileURLToPath(new URL('copy.mjs', import.meta.url));

/** CPU seconds per GiB of each step that no pair of gateways can do without. */
export interface Floor {
  readonly encrypt: number;
  readonly decrypt: number;
  readonly send: number;
  readonly receive: number;
}

/** Two machines: each reads and sends once, one encrypts, the other decrypts. */
export function floorOf({ encrypt, decrypt, send, receive }: Floor): number {
  return 2 * receive + encrypt + decrypt + 2 * send;
}

/** The physical limits of this machine, now: OpenSSL's own loop over 16 KiB records, and plain TCP. */
export async function measureFloor(side: Side, bytes: number): Promise<Floor> {
  return { encrypt: await cipher([]), decrypt: await cipher(['-decrypt']), ...(await copy(side, bytes)) };
}

/** AES-256-GCM, as the sessions negotiate; OpenSSL counts CPU time itself. */
async function cipher(more: readonly string[]): Promise<number> {
  const text = await run(['openssl', 'speed', '-mr', '-evp', 'aes-256-gcm', ...more, '-bytes', '16384', '-seconds', '1']);
  const perSecond = Number(/^\+F:.*:([\d.]+)\s*$/m.exec(text)?.[1]);
  if (!(perSecond > 0)) throw new Error(`openssl speed: ${text}`);
  return GIB / perSecond;
}

async function copy({ netns, listen }: Side, bytes: number): Promise<Pick<Floor, 'send' | 'receive'>> {
  const words = (role: string): string[] => [process.execPath, SCRIPT, role, listen, String(bytes)];
  const giver = await startProcess('copy', words('give'), { netns });
  try {
    const [, port = ''] = await giver.said(/port (\d+)/);
    const receive = cpuIn(await run([...words('take'), port], { netns }));
    await giver.exited;
    return { send: (cpuIn(giver.output()) * GIB) / bytes, receive: (receive * GIB) / bytes };
  } finally {
    await giver.stop();
  }
}

function cpuIn(text: string): number {
  return Number(/"cpu":([\d.]+)/.exec(text)?.[1]);
}
