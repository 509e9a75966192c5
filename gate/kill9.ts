import type { Runnable, RunOptions } from "../dev/contract.ts";
import { runKill9, type Kill9Options, type Kill9Result, type KillMoment } from "./support/kill9-run.ts";
import type { Mutant } from "./support/mutant.ts";
import { withServices } from "./support/services.ts";
import { runTrials } from "./support/trials.ts";
import { COMMIT_BEFORE_WRITE, COMMIT_WITHOUT_FENCE } from "./support/write-mutants.ts";

/** A run that must fail, and why it does. */
export interface MutantRun {
  readonly name: string;
  /** What it does to spans. */
  readonly harm: "lost" | "doubled";
  readonly hasUniqueKey: boolean;
  readonly twiceShare?: number;
  readonly moments?: readonly KillMoment[];
  readonly mutant?: Mutant;
}

/** Each takes away one of the walls against loss and doubling; what is left standing is told beside it. */
export const MUTANTS: readonly MutantRun[] = [
  {
    name: COMMIT_BEFORE_WRITE.name,
    harm: "lost",
    hasUniqueKey: true,
    moments: [{ waitingFor: "spans" }],
    mutant: COMMIT_BEFORE_WRITE,
  },
  {
    name: COMMIT_WITHOUT_FENCE.name,
    harm: "doubled",
    hasUniqueKey: false,
    moments: [{ waitingFor: "source_offsets" }],
    mutant: COMMIT_WITHOUT_FENCE,
  },
  { name: "no unique key", harm: "doubled", hasUniqueKey: false, twiceShare: 0.02 },
];

/** Where the mutants die, and two moments more. */
const WALLS_HELD: readonly KillMoment[] = [
  { waitingFor: "spans" },
  { waitingFor: "source_offsets" },
  "in the middle of a write",
  "right after a commit",
];

/** Nothing lost, doubled or corrupt, and the kills really hit writes. */
export function holds(result: Kill9Result, replaysMin: number): boolean {
  return result.lost === 0 && result.doubled === 0 && result.corrupt === 0 && result.replays >= replaysMin;
}

async function run({ short, progress, table, args }: RunOptions) {
  const size = short ? { spans: 100_000, kills: 5 } : { spans: 1_000_000, kills: 20 };
  const small = { spans: 50_000, kills: 4, moments: WALLS_HELD, recordsPerSecond: 40 };
  const trial = (
    name: string,
    options: Omit<Kill9Options, "progress">,
    expected: (it: Kill9Result) => boolean,
  ) => ({
    name,
    expected,
    run: () => runKill9({ ...options, progress }),
  });
  const whole = trial("both walls", { ...size, recordsPerSecond: 40, twiceShare: 0.02 }, (it) =>
    holds(it, Math.floor(size.kills * 0.75)),
  );
  const fenceAlone = trial("the fence alone", { ...small, hasUniqueKey: false }, (it) => holds(it, 1));
  const faults = MUTANTS.map(({ name, harm, ...options }) => ({
    ...trial(`mutant: ${name}`, { ...small, kills: 2, ...options }, (it) => it[harm] > 0),
    verdict: "seen" as const,
  }));
  return withServices(progress, () =>
    runTrials(short ? [whole, fenceAlone] : [whole, fenceAlone, ...faults], { progress, table, args }),
  );
}

export const gate: Runnable = {
  name: "kill9",
  summary: "SIGKILL of the indexer in the middle of writes: nothing lost, doubled or corrupt",
  options: { only: "text" },
  run,
};
