import * as fc from "fast-check";
import type { PoolClient } from "pg";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { compareHistories, describeDifference } from "../test/support/histories/compare.ts";
import { histories } from "../test/support/histories/simulate.ts";
import { slicedDatabase } from "../test/support/sliced-database.ts";
import { readSchemaFiles } from "../trace-store/schema/sql-files.ts";
import { VERDICT_MUTANTS, type SqlMutant } from "./support/verdict-mutants.ts";

const HISTORIES = 100_000;
const HISTORIES_SHORT = 1_000;
const BATCH = 500;
/** A mutant that so many histories do not show is not seen at all. */
const MUTANT_HISTORIES_MAX = 10_000;

/** Every verdict of the store against a slow model of the rules, and every wrong rule caught. */
export const gate: Runnable = {
  name: "verdicts",
  summary: "every verdict on generated histories equals a brute-force model's; 15 wrong rules are caught",
  async run(options) {
    const seed = Number(options.args["seed"] ?? Date.now() % 1_000_000);
    const total = Number(options.args["histories"] ?? (options.short ? HISTORIES_SHORT : HISTORIES));
    const database = await slicedDatabase();
    const client = await database.pool.connect();
    try {
      const { verdicts, differences, counts } = await compareMany(client, total, seed, options);
      options.table(Object.entries(counts).map(([verdict, times]) => ({ verdict, times })));
      const missed = await missedMutants(client, seed, options);
      return {
        passed: differences === 0 && missed.length === 0,
        figures: {
          seed,
          histories: total,
          verdicts,
          differences,
          counts,
          mutants: VERDICT_MUTANTS.length,
          missed,
        },
      };
    } finally {
      client.release();
      await database.drop();
    }
  },
};

const batchOf = (seed: number, index: number, size: number) =>
  fc.sample(histories, { numRuns: size, seed: seed + index });

async function compareMany(client: PoolClient, total: number, seed: number, options: RunOptions) {
  const counts: Record<string, number> = {};
  let verdicts = 0;
  let differences = 0;
  for (let done = 0; done < total; done += BATCH) {
    const found = await compareHistories(client, batchOf(seed, done, Math.min(BATCH, total - done)));
    verdicts += found.verdicts;
    for (const [verdict, count] of Object.entries(found.counts)) {
      counts[verdict] = (counts[verdict] ?? 0) + count;
    }
    differences += found.differences.length;
    const [first] = found.differences;
    if (first && differences === found.differences.length) options.progress(describeDifference(first));
    if (done % (BATCH * 10) === 0)
      options.progress(`${done} of ${total} histories, ${differences} differences`);
  }
  return { verdicts, differences, counts };
}

async function missedMutants(client: PoolClient, seed: number, { progress }: RunOptions): Promise<string[]> {
  const missed: string[] = [];
  for (const mutant of VERDICT_MUTANTS) {
    const after = await historiesUntilCaught(client, mutant, seed);
    progress(
      after === undefined ? `MISSED: ${mutant.name}` : `caught within ${after} histories: ${mutant.name}`,
    );
    if (after === undefined) missed.push(mutant.name);
  }
  return missed;
}

async function historiesUntilCaught(
  client: PoolClient,
  mutant: SqlMutant,
  seed: number,
): Promise<number | undefined> {
  const file = readSchemaFiles().functions.find(({ name }) => name === mutant.file);
  const times = (file?.text.split(mutant.find).length ?? 1) - 1;
  if (file === undefined || times !== 1) {
    throw new Error(
      `Mutant "${mutant.name}" expects its text once in schema/functions/${mutant.file}.sql, and found it ${times} times.`,
    );
  }
  await client.query(file.text.replace(mutant.find, () => mutant.replace));
  try {
    for (let done = 0; done < MUTANT_HISTORIES_MAX; done += BATCH) {
      const { differences } = await compareHistories(client, batchOf(seed, done, BATCH));
      if (differences.length > 0) return done + BATCH;
    }
    return undefined;
  } finally {
    await client.query(file.text);
  }
}
