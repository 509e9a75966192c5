import type { Pool } from "pg";
import { migratedDatabase, type TestDatabase } from "../../test/support/database.ts";
import { kafkaBrokers } from "../../test/support/services.ts";
import { createTopic } from "../../test/support/topics.ts";
import { Indexers } from "./indexers.ts";
import { plantMutant, type Mutant } from "./mutant.ts";
import { MemoryWatch } from "./resident-memory.ts";
import { checkLoad, sendLoad, storedSpans, storedUpTo, type LoadFaults } from "./span-load.ts";

/** A load of spans through the topic into Postgres, to be disturbed on its way. */
export interface LoadRunOptions {
  readonly spans: number;
  /** How fast the sender sends records of 250 spans. */
  readonly recordsPerSecond: number;
  /** Share of records that the sender sends twice: what is left against them is the unique key alone. */
  readonly twiceShare?: number;
  /** Default 2. */
  readonly indexers?: number;
  /** False takes the unique key away: what is left is the fenced source offset alone. Default true. */
  readonly hasUniqueKey?: boolean;
  /** False sends everything before the first indexer starts: a backlog. Default true. */
  readonly isLive?: boolean;
  /** True lets the sender wait for `sendUpTo`, so that each disturbance has spans to meet. Default false. */
  readonly isInSteps?: boolean;
  readonly mutant?: Mutant;
}

/** What a disturbance has in hand. */
export interface LoadRun {
  readonly database: TestDatabase;
  readonly indexers: Indexers;
  readonly spans: number;
  /** Spans that the broker has taken so far. */
  readonly sent: () => number;
  /** Spans that are stored; `undefined` while Postgres does not answer. */
  readonly stored: () => Promise<number | undefined>;
  /** Lets the sender go on to so many spans, in a load that `isInSteps`. */
  sendUpTo(spans: number): void;
}

export interface LoadRunResult extends LoadFaults {
  /** From the first indexer's start until all was stored. */
  readonly seconds: number;
  /** Largest resident memory of an indexer. */
  readonly peakMib: number;
  /** Parts that an indexer had in hand when another one had moved their partition on. */
  readonly fences: number;
}

/** Nothing is lost, doubled or corrupt. */
export const isWhole = ({ lost, doubled, corrupt }: LoadFaults): boolean =>
  lost === 0 && doubled === 0 && corrupt === 0;

const PARTITIONS = 12;
const SPANS_PER_RECORD = 250;
/** When nothing moves for so long, what is missing counts as lost. */
const STANDSTILL_MS = 20_000;
const LOOK_MS = 200;
/** So long without a step, and it may be the end. */
const QUIET_MS = 500;
/** After everything is there, so long for what must not come. */
const AFTERMATH_MS = 2_000;
const SESSION_TIMEOUT_MS = "6000";

/** Sends a load, lets `disturb` do its worst, waits until nothing moves any more, and says what is wrong with the rows. */
export async function runLoad(
  options: LoadRunOptions,
  disturb: (run: LoadRun) => Promise<void>,
): Promise<LoadRunResult> {
  const database = await migratedDatabase();
  const topic = await createTopic("load", PARTITIONS);
  const program = options.mutant && plantMutant(options.mutant);
  const env = { KAFKA_TRAIL_INDEXER_SESSION_TIMEOUT_MS: SESSION_TIMEOUT_MS };
  const indexers = new Indexers({
    brokers: kafkaBrokers(),
    databaseUrl: database.url,
    topic,
    env,
    ...(program && { program }),
  });
  if (options.hasUniqueKey === false) await database.pool.query("DROP INDEX trail_private.spans_once");

  try {
    const { seconds, peakMib } = await carry(options, { database, topic, indexers }, disturb);
    await indexers.end();
    const fences = indexers.countInLogs("another indexer moved this partition");
    return { ...(await checkLoad(database.pool, options.spans)), seconds, peakMib, fences };
  } finally {
    await indexers.stop();
    await database.drop();
  }
}

/** Sends the load and disturbs it, until all is stored or nothing moves any more. */
async function carry(
  options: LoadRunOptions,
  { database, topic, indexers }: { database: TestDatabase; topic: string; indexers: Indexers },
  disturb: (run: LoadRun) => Promise<void>,
): Promise<{ seconds: number; peakMib: number }> {
  let [sent, ceiling] = [0, options.isInSteps ? 0 : options.spans];
  const load = {
    twiceShare: 0,
    ...options,
    partitions: PARTITIONS,
    spansPerRecord: SPANS_PER_RECORD,
    sendUpTo: () => ceiling,
  };
  const sending = sendLoad(kafkaBrokers(), topic, load, (spans) => (sent = spans));
  if (options.isLive === false) await sending;
  const startedAt = performance.now();
  const memory = new MemoryWatch(() => indexers.running);
  for (let i = 0; i < (options.indexers ?? 2); i++) await indexers.start();
  const stored = () => storedSpans(database.pool).catch(() => undefined);
  const sendUpTo = (spans: number) => (ceiling = spans);
  await disturb({ database, indexers, spans: options.spans, sent: () => sent, stored, sendUpTo });
  sendUpTo(options.spans);
  await sending;
  const stillAt = await untilStill(database.pool, options.spans);
  return { seconds: Math.round((stillAt - startedAt) / 100) / 10, peakMib: memory.stop() };
}

/**
 * Waits until all is stored, and a moment longer; or until nothing moves. Returns when the last span came.
 *
 * What moves are the sources' offsets, which are a few rows. To count millions of spans five times a second takes one of two
 * cores: the gate would measure itself. So they are counted once whenever nothing has moved for a moment.
 */
async function untilStill(pool: Pool, spans: number): Promise<number> {
  let [seen, counted] = [-1, -1];
  let movedAt = performance.now();
  while (performance.now() - movedAt < (counted >= spans ? AFTERMATH_MS : STANDSTILL_MS)) {
    const now = await storedUpTo(pool).catch(() => seen);
    if (now !== seen) [seen, counted, movedAt] = [now, -1, performance.now()];
    else if (counted < 0 && performance.now() - movedAt > QUIET_MS) {
      counted = await storedSpans(pool).catch(() => -1);
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
  return movedAt;
}
