/** One line of what a service's parts become, and what of them is lost on the way. Documents are made of these. */
export interface MappingRow {
  readonly kind: 'action' | 'event' | 'property';
  /** As the service's specification calls it. */
  readonly upnp: string;
  /** Its counterpart here; undefined where there is none. */
  readonly here: string | undefined;
  /** What is lost, or how it is done; empty if nothing is. */
  readonly note: string;
}

type Line = readonly [upnp: string, here: string | undefined, note?: string];

/** Rows of one kind, written as short as a table wants. */
export function mappingRows(kind: MappingRow['kind'], lines: readonly Line[]): MappingRow[] {
  return lines.map(([upnp, here, note = '']) => ({ kind, upnp, here, note }));
}
