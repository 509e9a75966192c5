import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { waitUntil } from "../dev/wait.ts";
import { migratedDatabase } from "../test/support/database.ts";
import { aSpan, encodeTraces } from "../test/support/otlp.ts";
import { POISONS, type Poison } from "../test/support/poisons.ts";
import { kafkaBrokers } from "../test/support/services.ts";
import { createTopic } from "../test/support/topics.ts";
import { Indexers } from "./support/indexers.ts";
import { withServices } from "./support/services.ts";

const PARTITIONS = 12;
const SPANS_PER_RECORD = 100;
/** One record in so many is poison: 1 % of the spans' records. */
const POISON_EVERY = 100;
const LATE_MS_MAX = 10_000;

/** A poison of its own bytes: an unlike tail where the form allows one would change what is wrong with it. */
const isRefused = (poison: Poison): poison is Poison & { expected: { quarantined: string } } =>
  "quarantined" in poison.expected;

async function play({ short, progress, table }: RunOptions) {
  const spans = short ? 60_000 : 1_000_000;
  const database = await migratedDatabase();
  const topic = await createTopic("poison", PARTITIONS, { "max.message.bytes": "4194304" });
  const indexers = new Indexers({ brokers: kafkaBrokers(), databaseUrl: database.url, topic });
  await indexers.start();
  const producer = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).producer();
  await producer.connect();

  let good = 0;
  const sentPoisons = new Map<Poison, number>();
  const send = (value: Buffer, partition: number) =>
    producer.send({ topic, messages: [{ value, partition }], compression: CompressionTypes.GZIP });
  for (let record = 0; good < spans || sentPoisons.size < POISONS.length; record++) {
    if (record % POISON_EVERY === 0 || good >= spans) {
      const poison = POISONS[sentPoisons.size % POISONS.length] as Poison;
      await send(poison.bytes, record % PARTITIONS);
      sentPoisons.set(poison, (sentPoisons.get(poison) ?? 0) + 1);
    } else {
      await send(
        encodeTraces(Array.from({ length: SPANS_PER_RECORD }, () => aSpan({ service: "good" }))),
        record % PARTITIONS,
      );
      good += SPANS_PER_RECORD;
      if (good % 50_000 === 0) progress(`${good} good spans sent`);
    }
  }
  const sentAt = performance.now();
  await producer.disconnect();
  const count = async (sql: string, values: unknown[] = []) =>
    Number((await database.pool.query<{ count: string }>(sql, values)).rows[0]?.count);
  const isThere = async () =>
    (await count("SELECT count(*) FROM trail.spans WHERE service = 'good'")) >= good;
  await waitUntil("every good span being stored", isThere, { timeoutMs: 120_000 }).catch(() => undefined);
  const lateMs = Math.round(performance.now() - sentAt);
  await indexers.stop();

  const wrong: string[] = [];
  for (const poison of POISONS.filter(isRefused)) {
    const kept = await count("SELECT count(*) FROM trail_private.quarantine WHERE reason = $1", [
      poison.expected.quarantined,
    ]);
    if (kept === 0) wrong.push(`${poison.name}: no ${poison.expected.quarantined}`);
  }
  const stored = await count("SELECT count(*) FROM trail.spans WHERE service = 'good'");
  const { rows } = await database.pool.query<{ reason: string; count: string }>(
    "SELECT reason, count(*) FROM trail_private.quarantine GROUP BY 1 ORDER BY 1",
  );
  await database.drop();
  table(rows.map((row) => ({ reason: row.reason, kinds: Number(row.count) })));
  for (const line of wrong) progress(line);
  const figures = {
    good,
    stored,
    poisonKinds: POISONS.length,
    reasons: rows.length,
    wrong: wrong.length,
    lateMs,
    lateMsMax: LATE_MS_MAX,
  };
  return {
    passed: stored === good && POISONS.length >= 40 && wrong.length === 0 && lateMs <= LATE_MS_MAX,
    figures,
  };
}

export const gate: Runnable = {
  name: "poison",
  summary: "forty kinds of bad records among good ones: every good span stored, every bad one in quarantine",
  run: (options) => withServices(options.progress, () => play(options)),
};
