/** First and last offset of a run without holes, both included. */
export type OffsetRun = [first: number, last: number];

/** More ranges than this are cut off: a span stays within what collectors take, about 40 KB of them. */
const RANGES_MAX = 1024;

/** Returns the runs without holes of ascending offsets. */
export function runsOf(offsets: readonly number[]): OffsetRun[] {
  const runs: OffsetRun[] = [];
  let current: OffsetRun | undefined;
  for (const offset of offsets) {
    if (current !== undefined && offset === current[1] + 1) {
      current[1] = offset;
    } else {
      current = [offset, offset];
      runs.push(current);
    }
  }
  return runs;
}

/** Returns the holes between `first` and `last` that the runs leave. */
export function holesOf(runs: readonly OffsetRun[], first: number, last: number): OffsetRun[] {
  const holes: OffsetRun[] = [];
  let next = first;
  for (const [runFirst, runLast] of runs) {
    if (runFirst > next) holes.push([next, runFirst - 1]);
    next = runLast + 1;
  }
  if (last >= next) holes.push([next, last]);
  return holes;
}

/** Adds a run to a list, joined to the last one where they touch or overlap. */
export function addRun(runs: OffsetRun[], first: number, last: number): void {
  const latest = runs.at(-1);
  if (latest !== undefined && first >= latest[0] && first <= latest[1] + 1) {
    if (last > latest[1]) latest[1] = last;
  } else {
    runs.push([first, last]);
  }
}

/** Spells runs of one partition as `topic/partition/first-last`, at most 1,024 of them. */
export function spellRuns(topic: string, partition: number, runs: readonly OffsetRun[]): string[] {
  const spelled: string[] = [];
  for (const [first, last] of runs) {
    if (spelled.length === RANGES_MAX) break;
    spelled.push(`${topic}/${partition}/${first}-${last}`);
  }
  return spelled;
}
