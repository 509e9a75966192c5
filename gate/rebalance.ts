import { randomInt } from "node:crypto";
import { Kafka, logLevel } from "kafkajs";
import type { Pool } from "pg";
import type { Child } from "../dev/child.ts";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import { kafkaBrokers } from "../test/support/services.ts";
import {
  isWhole,
  runLoad,
  type LoadRun,
  type LoadRunOptions,
  type LoadRunResult,
} from "./support/load-run.ts";
import { catchAt } from "./support/moments.ts";
import type { Mutant } from "./support/mutant.ts";
import { reach } from "./support/reach.ts";
import { withServices } from "./support/services.ts";
import { runTrials } from "./support/trials.ts";

const INDEXERS_MAX = 6;

/** Every so manieth change is a freeze. */
const FREEZE_EVERY = 5;

/** A mutant is played so often at most. */
const PLAYS_MAX = 6;

interface Changes extends LoadRunResult {
  readonly changes: number;
  /** Changes in which an indexer froze in the middle of a write, and woke when another one waited for its rows. */
  readonly freezes: number;
}

type ChangeOptions = LoadRunOptions & { readonly changes: number; readonly freezeEvery?: number };

/** Starts, stops and freezes indexers under load: partitions change hands in the middle of writes. */
async function runChanges(
  { changes, freezeEvery = FREEZE_EVERY, ...load }: ChangeOptions,
  progress: RunOptions["progress"],
): Promise<Changes> {
  let [done, freezes] = [0, 0];
  const result = await runLoad(load, async (run) => {
    for (let change = 1; change <= changes; change++) {
      if (!(await reach((run.spans * change) / (changes + 2), run.stored))) break;
      const how = change % freezeEvery === 0 && (await freeze(run)) ? "froze and woke" : await comeOrGo(run);
      if (how === "froze and woke") freezes += 1;
      done += 1;
      progress(`change ${change} of ${changes}: one ${how}; ${run.indexers.running.length} indexers`);
    }
  });
  return { ...result, changes: done, freezes };
}

async function comeOrGo({ indexers }: LoadRun): Promise<"came" | "left" | "was killed"> {
  const { running } = indexers;
  const isJoining = running.length === 1 || (running.length < INDEXERS_MAX && randomInt(2) === 0);
  if (isJoining) {
    await indexers.start();
    return "came";
  }
  const victim = running[randomInt(running.length)] as Child;
  if (randomInt(4) === 0) {
    await indexers.kill(victim);
    return "was killed";
  }
  await indexers.leave(victim);
  return "left";
}

/**
 * Stops an indexer in the middle of a write until the group has given its partitions away and a new owner waits for the
 * source offset that it has moved, not yet committed; then lets it commit. The new owner began where the store stood before:
 * it must be fenced.
 */
async function freeze({ database, indexers }: LoadRun): Promise<boolean> {
  if (indexers.running.length === 1) await indexers.start();
  const admin = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const hasMembers = async (count: number) => {
    const { groups } = await admin.describeGroups([indexers.groupId]);
    return groups[0]?.state === "Stable" && groups[0].members.length === count;
  };
  const all = indexers.running.length;
  let frozen: Child | undefined;
  try {
    await waitUntil("every indexer having joined", () => hasMembers(all), { timeoutMs: 30_000 });
    const { child, isCaught } = await catchAt("in the middle of a COPY", database.pool, indexers.running);
    frozen = child;
    if (!isCaught) return false;
    await waitUntil("the group going on without it", () => hasMembers(all - 1), { timeoutMs: 30_000 });
    const isThere = () => isWaitedFor(database.pool, child);
    return await waitUntil("its new owner waiting for it", isThere, { timeoutMs: 20_000 });
  } catch {
    return false;
  } finally {
    frozen?.signal("SIGCONT");
    await admin.disconnect();
  }
}

/** Another process waits for a source offset that a transaction of this one has moved. */
async function isWaitedFor(pool: Pool, { pid }: Child): Promise<boolean> {
  const { rowCount } = await pool.query(
    `SELECT FROM pg_stat_activity w WHERE w.wait_event_type = 'Lock' AND w.datname = current_database()
       AND w.query LIKE '%trail_private.source_offsets%' AND w.application_name NOT LIKE $1
       AND EXISTS (SELECT FROM pg_stat_activity b
                   WHERE b.pid = ANY (pg_blocking_pids(w.pid)) AND b.application_name LIKE $1)`,
    [`kafka-trail writer ${pid}/%`],
  );
  return (rowCount ?? 0) > 0;
}

/** Both write what another indexer has written already; the unique key would hide it. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "an offset that moves from anywhere",
    file: "write/fence.js",
    edits: [{ find: "WHERE o.next_offset = u.since", replace: "" }],
  },
  {
    name: "a fenced part is written all the same",
    file: "write/fence.js",
    edits: [{ find: "passed: parts.filter((part) => !isOut(part)),", replace: "passed: parts," }],
  },
];

/**
 * Two owners of one partition must have parts of it in hand at once for the fence to matter, which some changes bring about
 * and others do not: dozens of fences in most plays, none in some.
 */
async function playUntilDoubled(options: ChangeOptions, progress: RunOptions["progress"]): Promise<Changes> {
  for (let play = 1; ; play++) {
    const result = await runChanges(options, progress);
    if (result.doubled > 0 || play === PLAYS_MAX) return result;
    progress(`nothing doubled in play ${play} of ${PLAYS_MAX}: playing again`);
  }
}

async function run({ short, progress, table, args }: RunOptions) {
  // As fast as the changes: with all spans stored nothing would be disturbed any more.
  const size = short
    ? { spans: 60_000, changes: 6, freezeEvery: 3, recordsPerSecond: 12 }
    : { spans: 1_000_000, changes: 50, recordsPerSecond: 16 };
  const small = {
    spans: 60_000,
    changes: 4,
    freezeEvery: 2,
    hasUniqueKey: false,
    recordsPerSecond: 10,
  };
  const holds = (it: Changes) =>
    isWhole(it) && it.changes >= small.changes && it.freezes > 0 && it.fences >= it.freezes;
  const trial = (name: string, options: ChangeOptions) => ({
    name,
    expected: holds,
    run: () => runChanges(options, progress),
  });
  const whole = trial("both walls", size);
  const faults = MUTANTS.map((mutant) => ({
    ...trial(`mutant: ${mutant.name}`, { ...small, mutant }),
    run: () => playUntilDoubled({ ...small, mutant }, progress),
    expected: (it: Changes) => it.doubled > 0,
    verdict: "seen" as const,
  }));
  return withServices(progress, () =>
    runTrials(short ? [whole] : [whole, trial("the fence alone", small), ...faults], {
      progress,
      table,
      args,
    }),
  );
}

export const gate: Runnable = {
  name: "rebalance",
  summary: "indexers come, go and freeze under load: fences seen, nothing lost, doubled or corrupt",
  options: { only: "text" },
  run,
};
