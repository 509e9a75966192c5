/**
 * Calls `work` for each item, at most `concurrency` at a time, and returns what it returned, in the items' order.
 *
 * Rejects with the first fault, when what was begun by then has ended: kafkajs connects anew for whatever is asked after a
 * disconnect, and nobody would close that connection.
 */
export async function eachBounded<Item, Result>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const faults: unknown[] = [];
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length && faults.length === 0) {
      const i = next++;
      try {
        results[i] = await work(items[i] as Item);
      } catch (fault) {
        faults.push(fault);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, lane));
  if (faults.length > 0) throw faults[0];
  return results;
}
