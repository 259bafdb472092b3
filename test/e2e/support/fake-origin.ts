import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import type { Host } from '../../peers/lan.ts';
import { startProcess } from '../../peers/process.ts';
import type { ManagedProcess } from '../../peers/process.ts';

/** What an origin does to those who ask for a file. */
export type Trouble = 'none' | 'not-found' | 'error' | 'page' | 'short' | 'long' | 'stalls' | 'breaks-once' | 'changes' | 'grows';

/** Starts a media server on a host of a LAN, with one file for each trouble, named by it. Their bytes are `contentOf`. */
export async function startFakeOrigin(host: Host, files: Readonly<Record<string, { readonly size: number; readonly trouble: Trouble }>>): Promise<ManagedProcess> {
  const script = fileURLToPath(new URL('origin-agent.ts', import.meta.url));
  const argv = [process.execPath, '--import', 'tsx', script, host.address, '8300', `uuid:${randomUUID()}`, JSON.stringify(files)];
  const child = await startProcess('fake-origin', argv, { netns: host.ns });
  await child.said(/ready/);
  return child;
}
