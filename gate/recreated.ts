import { isDeepStrictEqual } from "node:util";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { startKafkaCluster } from "../dev/kafka.ts";
import { startPostgres } from "../dev/postgres.ts";
import type { Mutant } from "./support/mutant.ts";
import { runRecreated, type RecreatedResult } from "./support/recreated-run.ts";

/** Each forgets one way in which a topic is not the one it was. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "every topic of that name is the same",
    file: "write/resume.js",
    edits: [{ find: "if (isMadeAnew(here, seen)) {", replace: "if (false) {" }],
  },
  {
    name: "the topic id is not asked for",
    file: "kafka/topic-life.js",
    edits: [{ find: "return id;", replace: "return null;" }],
  },
  {
    name: "every cluster is the same",
    file: "ingest/kafka-positions.js",
    edits: [
      { find: "const { clusterId } = await admin.describeCluster();", replace: 'const clusterId = "one";' },
    ],
  },
];

function holds(result: RecreatedResult): boolean {
  return result.lost === 0 && result.doubled === 0 && isDeepStrictEqual(result.gaps, result.gapsExpected);
}

async function run({ short, progress, table }: RunOptions) {
  const first = await startKafkaCluster({ brokers: 1, onProgress: progress });
  const second = await startKafkaCluster({ brokers: 1, onProgress: progress });
  const postgres = await startPostgres({ onProgress: progress });
  // The support of the tests reads it.
  process.env["DATABASE_URL"] = postgres.url;
  const clusters = { first: first.brokers, second: second.brokers };
  const rows: Record<string, string | number | boolean>[] = [];
  const play = async (mutant: Mutant | undefined): Promise<boolean> => {
    const name = mutant ? `mutant: ${mutant.name}` : "the store";
    const result = await runRecreated(clusters, (line) => progress(`${name}: ${line}`), mutant);
    const isRight = holds(result) === (mutant === undefined);
    const gaps = isDeepStrictEqual(result.gaps, result.gapsExpected) ? "exact" : result.gaps.join("; ");
    rows.push({
      run: name,
      lost: result.lost,
      doubled: result.doubled,
      gaps,
      verdict: isRight ? (mutant ? "seen" : "holds") : "WRONG",
    });
    return isRight;
  };
  const verdicts = [await play(undefined)];
  if (!short) for (const mutant of MUTANTS) verdicts.push(await play(mutant));
  table(rows);
  await Promise.all([first.stop(), second.stop(), postgres.stop()]);
  return { passed: verdicts.every(Boolean), figures: { runs: rows } };
}

export const gate: Runnable = {
  name: "recreated",
  summary: "the span topic made anew, cut by retention, or on another cluster: nothing lost, gaps exact",
  run,
};
