/** Takes out the oldest until no more than `count` are left. What is to count as new again is taken out, and put in: maps and sets keep that order. */
export function keepNewest<K>(known: { readonly size: number; keys(): Iterable<K>; delete(key: K): boolean }, count: number): void {
  for (const oldest of known.keys()) {
    if (known.size <= count) return;
    known.delete(oldest);
  }
}
