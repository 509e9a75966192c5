import type { Runnable, RunOptions } from "../dev/contract.ts";
import type { Mutant } from "./support/mutant.ts";
import { runPoison, type PoisonResult } from "./support/poison-run.ts";
import { withServices } from "./support/services.ts";
import { runTrials } from "./support/trials.ts";

const KINDS_MIN = 40;
const LATE_MS_MAX = 10_000;

const TAKE = "ingest/kafka-batch.js";

/** What bad data does to a store that deals with it otherwise. */
export const MUTANTS: readonly { readonly mutant: Mutant; readonly seen: (it: PoisonResult) => boolean }[] = [
  {
    mutant: {
      name: "bad data stops the partition",
      file: TAKE,
      edits: [{ find: "if (!(error instanceof malformed_ts_1.MalformedError))", replace: "if (true)" }],
    },
    seen: (it) => it.stored < it.good,
  },
  {
    mutant: {
      name: "bad data is thrown away",
      file: TAKE,
      edits: [
        {
          find: "quarantined.push((0, quarantine_of_ts_1.quarantineOf)(error.reason, bytes, place));",
          replace: "",
        },
      ],
    },
    seen: (it) => it.stored === it.good && it.wrong > 0,
  },
  {
    mutant: {
      name: "one reason for everything",
      file: "ingest/quarantine-of.js",
      edits: [{ find: "        reason,\n", replace: '        reason: "malformed",\n' }],
    },
    seen: (it) => it.stored === it.good && it.wrong > 0,
  },
  {
    mutant: {
      name: "NUL is let through",
      file: "ingest/sanitise.js",
      edits: [
        {
          find: 'return text.includes("\\0") ? text.replace(NUL, exports.REPLACEMENT) : text;',
          replace: "return text;",
        },
      ],
    },
    seen: (it) => it.wrong > 0,
  },
];

async function run({ short, progress, table, args }: RunOptions) {
  const holds = (it: PoisonResult) =>
    it.stored === it.good && it.wrong === 0 && it.kinds >= KINDS_MIN && it.lateMs <= LATE_MS_MAX;
  const whole = {
    name: "1 % poison",
    expected: holds,
    run: () => runPoison({ spans: short ? 60_000 : 1_000_000, progress }),
  };
  const faults = MUTANTS.map(({ mutant, seen }) => ({
    name: `mutant: ${mutant.name}`,
    expected: seen,
    verdict: "seen" as const,
    run: () => runPoison({ spans: 20_000, progress, mutant }),
  }));
  return withServices(progress, () =>
    runTrials(short ? [whole] : [whole, ...faults], { progress, table, args }),
  );
}

export const gate: Runnable = {
  name: "poison",
  summary: "forty kinds of bad records among good ones: every good span stored, every bad one in quarantine",
  options: { only: "text" },
  run,
};
