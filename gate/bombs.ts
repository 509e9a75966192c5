import type { Runnable, RunOptions } from "../dev/contract.ts";
import { BOMBS, runBombs, type BombsResult } from "./support/bombs-run.ts";
import type { Mutant } from "./support/mutant.ts";
import { withServices } from "./support/services.ts";
import { runTrials } from "./support/trials.ts";

const MORE_MIB_MAX = 100;

/** Each takes away one of the walls against what unpacks to more than anybody wants. */
export const MUTANTS: readonly { readonly mutant: Mutant; readonly seen: (it: BombsResult) => boolean }[] = [
  {
    mutant: {
      name: "a bomb's own word is believed",
      file: "gunzip.js",
      edits: [
        { find: "if (total > bytesMax)", replace: "if (false)" },
        { find: "unzip(bytes, { maxOutputLength: bytesMax })", replace: "unzip(bytes)" },
      ],
    },
    seen: (it) => it.moreMib >= MORE_MIB_MAX || !isRefused(it),
  },
  {
    mutant: {
      name: "a codec that throws",
      file: "kafka/codecs.js",
      edits: [
        {
          find: "const isTooLarge = error instanceof gunzip_ts_1.TooLargeError;",
          replace: "throw error; const isTooLarge = false;",
        },
      ],
    },
    seen: (it) => !it.goesOn,
  },
  {
    mutant: {
      name: "a refused batch is passed over in silence",
      file: "ingest/kafka-batch.js",
      edits: [{ find: "if (refused !== undefined) {", replace: "if (refused !== undefined) { return;" }],
    },
    seen: (it) => it.quarantined < BOMBS,
  },
];

/** Every one was answered with 413 and put into quarantine under its own coordinates. */
const isRefused = (it: BombsResult): boolean => it.refused === BOMBS && it.quarantined === BOMBS;

async function run({ progress, table, short, args }: RunOptions) {
  const holds = (it: BombsResult) => isRefused(it) && it.goesOn && it.moreMib < MORE_MIB_MAX;
  const whole = {
    name: "512 MiB bombs",
    expected: holds,
    run: () => runBombs({ progress }),
  };
  const faults = MUTANTS.map(({ mutant, seen }) => ({
    name: `mutant: ${mutant.name}`,
    expected: seen,
    verdict: "seen" as const,
    run: () => runBombs({ progress, mutant }),
  }));
  return withServices(progress, () =>
    runTrials(short ? [whole] : [whole, ...faults], { progress, table, args }),
  );
}

export const gate: Runnable = {
  name: "bombs",
  summary: "512 MiB out of half a megabyte, on the topic and by HTTP: refused within 100 MiB of memory",
  options: { only: "text" },
  run,
};
