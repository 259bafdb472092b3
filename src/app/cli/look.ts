import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { GatewayDevice, GatewayStatus, LibraryEntry, LibraryPage } from '../gateway-api.ts';
import { formatBytes, formatDuration, printable } from '../text.ts';
import type { CliContext } from './context.ts';
import { libraryPages } from './library-pages.ts';
import { formatTable, shellQuoted } from './table.ts';

export async function showStatus(context: CliContext): Promise<void> {
  const status = await context.patiently(() => context.call('status', {}));
  context.answer(status, () => statusText(status));
}

function statusText({ version, network, jid, manager, userKey, connection, devices, mediaPort, warnings }: GatewayStatus): string {
  const lines = [
    `xpmn-gateway ${version} runs as ${jid}`,
    `network     ${network}${managedText({ jid, manager, userKey })}`,
    `connection  ${connection.state}${connection.reason === undefined ? '' : `: ${connection.reason}`}`,
    `devices     ${devices.here} here, ${devices.elsewhere} elsewhere, ${devices.unreachable} unreachable`,
    `media port  ${mediaPort ?? 'closed'}`,
    ...warnings.map((warning) => `warning     ${warning}`),
  ];
  return lines.map((line) => `${printable(line)}\n`).join('');
}

function managedText({ jid, manager, userKey }: Pick<GatewayStatus, 'jid' | 'manager' | 'userKey'>): string {
  const key = { elsewhere: '', plain: '', unlocked: '', locked: '; its key is locked' }[userKey];
  if (manager === undefined) return '';
  return manager === jid ? ` (managed here${key})` : ` (managed by ${manager.slice(manager.indexOf('/') + 1)}${key})`;
}

export async function listDevices(context: CliContext): Promise<void> {
  const answer = await context.patiently(() => context.call('devices', {}));
  context.answer(answer, () => {
    if (answer.devices.length === 0) return 'There are no devices yet.\n';
    return formatTable(['DEVICE', 'NAME', 'KIND', 'WHERE', 'REACH', 'TRUST', 'SERVICES'], answer.devices.map(deviceRow));
  });
}

function deviceRow({ id, name, kind, where, reach, trust, services }: GatewayDevice): string[] {
  return [id, name, kind, where, reach, trust, services.join(' ')];
}

export interface BrowseOptions {
  readonly offset?: number;
  readonly limit?: number;
}

/** All pages, one after the other: text is written as it comes, JSON as one document. */
export async function browse(context: CliContext, device: string, container: string | undefined, { offset = 0, limit }: BrowseOptions): Promise<void> {
  if (/^xmpp:/i.test(container ?? device)) throw new XpmnError('usage', `"${container ?? device}" is an item: \`xpmn get\` fetches it, \`xpmn play\` plays it.`);
  const children: LibraryEntry[] = [];
  let count = 0;
  let last: Omit<LibraryPage, 'children'> | undefined;
  let isMore = false;
  for await (const { page, hasNext } of libraryPages(context, { device, container, offset, limit: Math.min(limit ?? Infinity, context.settings.entries) })) {
    if (context.isJson) children.push(...page.children);
    else context.deps.stdout.write(pageText(page, count === 0));
    count += page.children.length;
    [last, isMore] = [page, hasNext];
  }
  if (context.isJson) context.answer({ container: last?.container, offset, total: last?.total, children }, () => '');
  else if (count === 0) context.notice('There is nothing in it.');
  if (isMore) context.notice(`There is more: go on with --offset ${offset + count}.`);
}

function pageText({ children }: LibraryPage, isFirst: boolean): string {
  if (children.length === 0) return '';
  const table = formatTable(['TITLE', 'TYPE', 'SIZE', 'LENGTH', 'CONTAINER OR URI'], children.map(entryRow));
  return isFirst ? table : table.slice(table.indexOf('\n') + 1);
}

/** Ends in what the next command takes: a container's id for `browse`, an item's URI for `get` and `url`. */
function entryRow(entry: LibraryEntry): string[] {
  if (entry.kind === 'container') return [entry.title, 'container', entry.count === undefined ? '' : `${entry.count} in it`, '', shellQuoted(entry.id)];
  const { title, artist, type, size, duration, uri } = entry;
  return [artist === undefined ? title : `${artist}: ${title}`, type, size === undefined ? '' : formatBytes(size), duration === undefined ? '' : formatDuration(duration), uri === undefined ? '' : shellQuoted(uri)];
}
