const STANDSTILL_MS = 20_000;
const LOOK_EVERY_MS = 20;

/** Waits until so many spans are stored; false when nothing moves, as in a store that lost some. */
export async function reach(due: number, stored: () => Promise<number | undefined>): Promise<boolean> {
  let [seen, movedAt] = [-1, Date.now()];
  while (seen < due && Date.now() - movedAt < STANDSTILL_MS) {
    const now = (await stored()) ?? seen;
    if (now !== seen) [seen, movedAt] = [now, Date.now()];
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
  return seen >= due;
}
