import { availableParallelism } from "node:os";
import * as fc from "fast-check";
import type { PoolClient } from "pg";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { startPostgres } from "../dev/postgres.ts";
import { compareHistories, describeDifference } from "../test/support/histories/compare.ts";
import { histories } from "../test/support/histories/simulate.ts";
import type { TestDatabase } from "../test/support/database.ts";
import { slicedDatabase } from "../test/support/sliced-database.ts";
import { readSchemaFiles } from "../trace-store/schema/sql-files.ts";
import { VERDICT_MUTANTS, type SqlMutant } from "./support/verdict-mutants.ts";

const HISTORIES = 100_000;
const HISTORIES_SHORT = 1_000;
const BATCH = 500;
/** A mutant that so many histories do not show is not seen at all. */
const MUTANT_HISTORIES_MAX = 10_000;

/** Histories are independent: each lane has a database of its own, and Postgres takes nearly all of the time. */
const LANES = Math.min(4, availableParallelism());

/** Every verdict of the store against a slow model of the rules, and every wrong rule caught. */
export const gate: Runnable = {
  name: "verdicts",
  summary: "every verdict on generated histories equals a brute-force model's; 16 wrong rules are caught",
  options: { seed: "seed", histories: "count" },
  async run(options) {
    const seed = Number(options.args["seed"] ?? Date.now() % 1_000_000);
    const total = Number(options.args["histories"] ?? (options.short ? HISTORIES_SHORT : HISTORIES));
    const postgres = await startPostgres({ onProgress: options.progress });
    const databases: TestDatabase[] = [];
    const clients: PoolClient[] = [];
    try {
      for (let lane = 0; lane < LANES; lane++) {
        const database = await slicedDatabase(postgres.url);
        databases.push(database);
        clients.push(await database.pool.connect());
      }
      const startedMs = performance.now();
      const { verdicts, differences, counts } = await compareMany(clients, total, seed, options);
      const perSecond = Math.round((total / (performance.now() - startedMs)) * 1_000);
      options.table(Object.entries(counts).map(([verdict, times]) => ({ verdict, times })));
      const missed = await missedMutants(clients, seed, options);
      return {
        passed: differences === 0 && missed.length === 0,
        figures: {
          seed,
          histories: total,
          historiesPerSecond: perSecond,
          verdicts,
          differences,
          counts,
          mutants: VERDICT_MUTANTS.length,
          missed,
        },
      };
    } finally {
      for (const client of clients) client.release();
      for (const database of databases) await database.drop();
      await postgres.stop();
    }
  },
};

const batchOf = (seed: number, index: number, size: number) =>
  fc.sample(histories, { numRuns: size, seed: seed + index });

/** Hands out the items one after the other; each lane takes the next when it is done with its last. */
async function inLanes<Item>(
  clients: readonly PoolClient[],
  items: readonly Item[],
  work: (client: PoolClient, item: Item) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  const lane = async (client: PoolClient) => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(client, item);
  };
  await Promise.all(clients.map(lane));
}

async function compareMany(clients: readonly PoolClient[], total: number, seed: number, options: RunOptions) {
  const counts: Record<string, number> = {};
  let verdicts = 0;
  let differences = 0;
  let done = 0;
  const batches = Array.from({ length: Math.ceil(total / BATCH) }, (_, i) => i * BATCH);
  await inLanes(clients, batches, async (client, from) => {
    const found = await compareHistories(client, batchOf(seed, from, Math.min(BATCH, total - from)));
    verdicts += found.verdicts;
    for (const [verdict, count] of Object.entries(found.counts)) {
      counts[verdict] = (counts[verdict] ?? 0) + count;
    }
    const [first] = found.differences;
    if (first && differences === 0) options.progress(describeDifference(first));
    differences += found.differences.length;
    done += BATCH;
    if (done % (BATCH * 10) === 0)
      options.progress(`${done} of ${total} histories, ${differences} differences`);
  });
  return { verdicts, differences, counts };
}

async function missedMutants(
  clients: readonly PoolClient[],
  seed: number,
  { progress }: RunOptions,
): Promise<string[]> {
  const missed: string[] = [];
  await inLanes(clients, VERDICT_MUTANTS, async (client, mutant) => {
    const after = await historiesUntilCaught(client, mutant, seed);
    progress(
      after === undefined ? `MISSED: ${mutant.name}` : `caught within ${after} histories: ${mutant.name}`,
    );
    if (after === undefined) missed.push(mutant.name);
  });
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
