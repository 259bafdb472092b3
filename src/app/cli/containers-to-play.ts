import { XpmnError } from '../../xpmn/kernel/errors.ts';
import type { ItemToPlay } from '../control/operations.ts';
import type { CliContext } from './context.ts';
import { libraryPages } from './library-pages.ts';
import { shellQuoted } from './table.ts';

/** The items in containers of a device, as it lists them, no more than a list has. Containers in those are left out. @throws XpmnError as `browse`; `not-found` where there is no item */
export async function itemsOfContainers(context: CliContext, device: string, containers: readonly string[]): Promise<ItemToPlay[]> {
  const most = context.playlist.items;
  const items: ItemToPlay[] = [];
  for (const container of containers) {
    for await (const { page } of libraryPages(context, { device, container, offset: 0, limit: context.settings.entries })) {
      items.push(...page.children.flatMap((child) => (child.kind === 'item' && child.uri !== undefined ? [{ uri: child.uri }] : [])));
      if (items.length > most) break;
    }
    if (items.length > most) break;
  }
  if (items.length === 0) throw new XpmnError('not-found', `There is nothing to play in ${containers.map((one) => `"${one}"`).join(', ')} itself: \`xpmn browse ${[device, ...containers.slice(0, 1)].map(shellQuoted).join(' ')}\` lists what is in it.`);
  if (items.length > most) context.notice(`Only the first ${most} titles are played: a list has no more.`);
  return items.slice(0, most);
}
