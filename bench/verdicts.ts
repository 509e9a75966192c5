import type { ClientBase } from "pg";
import type { Runnable } from "../dev/contract.ts";
import { readConfig } from "../trace-store/config.ts";
import { ensureSlices, sliceBounds } from "../trace-store/schema/slices.ts";
import { benchDatabase, prewarm } from "./support/bench-database.ts";
import { GROUPS, loadDay, TOPICS, PARTITIONS, type Day } from "./support/verdict-day.ts";

const HOUR_MS = 3_600_000;
const MESSAGES = 2_000_000;
const MESSAGES_SHORT = 200_000;
const QUESTIONS = 500;

/** A day's spans fit: a quarter of 16 GB, which is what Postgres's manual gives a machine of its own. */
const BUFFERS = { shared_buffers: "4GB" };

/** Upper bounds of the 99th percentile, milliseconds. */
const LIMITS = { verdicts: 5, undelivered: 10, coverage: 50 } as const;

const { sliceMinutes, retentionDays } = readConfig({});

/** As the store makes them: from a day ago to so long after. Those after now are empty, and opened all the same. */
async function makeSlices(client: ClientBase, aheadMs: number): Promise<void> {
  const now = new Date(Date.now() - 24 * HOUR_MS);
  const times = { sliceMs: sliceMinutes * 60_000, retentionMs: retentionDays * 24 * HOUR_MS };
  await ensureSlices(client, { now, aheadMs, ...times });
}

/**
 * How long the verdicts of a day's messages take: in a store that began a day ago, and with as many slices as there are at
 * the end of the default retention. Judged with the day in Postgres's buffers; "before" ("unread") is the round before they
 * were filled, which is also the session's first.
 */
export const bench: Runnable = {
  name: "verdicts",
  summary: "verdicts, undelivered and coverage over 24 h of 2,000,000 messages: p50 and p99",
  options: { messages: "count" },
  async run({ short, args, progress, table }) {
    const messages = Number(args["messages"] ?? (short ? MESSAGES_SHORT : MESSAGES));
    const database = await benchDatabase(progress, undefined, BUFFERS);
    const { client } = database;
    try {
      await makeSlices(client, 25 * HOUR_MS);
      const startedAt = performance.now();
      const day = await loadDay(client, messages, progress);
      const loadSeconds = Math.round((performance.now() - startedAt) / 1_000);
      progress(
        `${day.messages} messages, ${day.spans} spans and ${day.ranges} ranges loaded in ${loadSeconds} s`,
      );
      const unread = await askAll(client, day);
      const prewarmedMib = await prewarm(database);
      progress(
        prewarmedMib > 0
          ? `${prewarmedMib} MiB were read into Postgres's buffers`
          : "pg_prewarm is missing: the buffers are as the questions so far left them",
      );
      const figures = await askAll(client, day);
      const slices = (await sliceBounds(client)).length;
      await makeSlices(client, retentionDays * 24 * HOUR_MS);
      const fullRetention = await askAll(client, day);
      const slicesMax = (await sliceBounds(client)).length;
      table(
        Object.entries(figures).map(([question, { p50, p99 }]) => ({
          question,
          p50,
          p99,
          "p99 / p50": Math.round((p99 / p50) * 10) / 10,
          "p99 before": unread[question as keyof typeof figures].p99,
          [`p99 over ${slicesMax} slices`]: fullRetention[question as keyof typeof figures].p99,
        })),
      );
      const tooSlow = (Object.keys(LIMITS) as (keyof typeof LIMITS)[]).filter(
        (it) => figures[it].p99 > LIMITS[it],
      );
      return {
        passed: tooSlow.length === 0,
        figures: {
          ...day,
          slices,
          loadSeconds,
          prewarmedMib,
          limitsMs: LIMITS,
          ...figures,
          unread,
          fullRetention: { slices: slicesMax, ...fullRetention },
          tooSlow,
        },
      };
    } finally {
      await database.drop();
    }
  },
};

/** What is asked for the machine's sake alone: how far its 99th percentile is from its median is not the store's doing. */
const REFERENCES = {
  /** A way there and back. */
  nothing: "SELECT 1",
  /** As long as a verdict takes about, of one processor and no table. */
  fixedWork: "SELECT sum(i) FROM generate_series(1, 18000) i",
} as const;

type Question = keyof typeof LIMITS | "undelivered1000" | keyof typeof REFERENCES;

/** One session as `query/` opens them. */
export async function askAll(client: ClientBase, day: Day): Promise<Record<Question, Times>> {
  await client.query("SET plan_cache_mode = force_generic_plan; SET jit = off");
  const group = () => `group-${randomBelow(GROUPS)}`;
  return {
    nothing: await ask(client, REFERENCES.nothing, () => []),
    verdicts: await ask(client, "SELECT * FROM trail.verdicts($1, $2, $3)", () => place(day)),
    fixedWork: await ask(client, REFERENCES.fixedWork, () => []),
    undelivered: await ask(client, "SELECT * FROM trail.undelivered($1, $2, rows_max => 100)", () => [
      anyTopic(),
      group(),
    ]),
    undelivered1000: await ask(client, "SELECT * FROM trail.undelivered($1, $2)", () => [
      anyTopic(),
      group(),
    ]),
    coverage: await ask(client, "SELECT * FROM trail.coverage($1)", () => [anyTopic()]),
  };
}

const randomBelow = (limit: number): number => Math.floor(Math.random() * limit);
const anyTopic = (): string => `topic-${randomBelow(TOPICS)}`;
const place = ({ perPartition }: Day): unknown[] => [
  anyTopic(),
  randomBelow(PARTITIONS),
  randomBelow(perPartition),
];

interface Times {
  readonly p50: number;
  readonly p99: number;
}

/** Asks many times on one session, prepared, after a warm-up; milliseconds as the caller sees them. */
async function ask(client: ClientBase, text: string, values: () => unknown[]): Promise<Times> {
  const times: number[] = [];
  for (let i = -20; i < QUESTIONS; i++) {
    const question = { name: text, text, values: values() };
    const startedAt = performance.now();
    await client.query(question);
    if (i >= 0) times.push(performance.now() - startedAt);
  }
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => Math.round((sorted[Math.floor(sorted.length * share)] ?? 0) * 100) / 100;
  return { p50: at(0.5), p99: at(0.99) };
}
