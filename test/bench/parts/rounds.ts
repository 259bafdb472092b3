/** Results of each variant, a value per round that counts. */
export type Rounds<Name extends string, Result> = Readonly<Record<Name, readonly Result[]>>;

/**
 * Measures all variants in turn, round by round, so that what the machine does besides hits all of them alike. The first
 * round warms up and is thrown away; every second one runs backwards, so that no variant always follows the same one.
 */
export async function alternate<Name extends string, Result>(
  variants: readonly Name[],
  rounds: number,
  measure: (variant: Name, round: number) => Promise<Result>,
): Promise<Rounds<Name, Result>> {
  const results = Object.fromEntries(variants.map((name) => [name, [] as Result[]])) as Record<Name, Result[]>;
  for (let round = 0; round <= rounds; round += 1) {
    for (const variant of round % 2 === 0 ? variants : variants.toReversed()) {
      const result = await measure(variant, round);
      if (round > 0) results[variant].push(result);
    }
  }
  return results;
}
