import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import type { Pool } from "pg";
import { migratedDatabase } from "../../test/support/database.ts";
import { aSpan, encodeTraces } from "../../test/support/otlp.ts";
import { POISONS } from "../../test/support/poisons.ts";
import { kafkaBrokers } from "../../test/support/services.ts";
import { createTopic } from "../../test/support/topics.ts";
import { waitUntil } from "../../dev/wait.ts";
import { Indexers } from "./indexers.ts";
import { Lateness } from "./lateness.ts";
import { plantMutant, type Mutant } from "./mutant.ts";
import { checkPoisons, type SentPoison } from "./poison-check.ts";
import { reach } from "./reach.ts";
import { kindOf } from "./unlike-poison.ts";

export interface PoisonOptions {
  /** Good ones. */
  readonly spans: number;
  readonly mutant?: Mutant;
  readonly progress: (line: string) => void;
}

export interface PoisonResult {
  readonly good: number;
  readonly stored: number;
  readonly poisons: number;
  readonly kinds: number;
  /** Poisons that are not where they belong, and good records that are where they do not. */
  readonly wrong: number;
  /** The longest that any partition was behind the sender. */
  readonly lateMs: number;
}

const PARTITIONS = 12;
const SPANS_PER_RECORD = 100;
/** A good record and a poison so often: 5,000 good spans per second, and 1 % of bad ones. */
const PAIRS_PER_SECOND = 50;
const WRONG_SAID_MAX = 20;

/** Sends good records with a bad one between every two of them, and looks where each of them went. */
export async function runPoison({ spans, mutant, progress }: PoisonOptions): Promise<PoisonResult> {
  const database = await migratedDatabase();
  const topic = await createTopic("poison", PARTITIONS, { "max.message.bytes": "4194304" });
  const program = mutant && plantMutant(mutant);
  const indexers = new Indexers({
    brokers: kafkaBrokers(),
    databaseUrl: database.url,
    topic,
    ...(program && { program }),
  });
  try {
    await indexers.start();
    const lateness = new Lateness(database.pool, topic);
    const { good, poisons } = await sendAll(spans, topic, database.pool, lateness, progress);
    const stored = () => goodSpans(database.pool);
    await reach(good, stored);
    await waitUntil("every partition being read to its end", () => lateness.waiting === 0, {
      timeoutMs: 20_000,
    }).catch(() => undefined);
    const lateMs = await lateness.stop();
    const wrong = await checkPoisons(database.pool, poisons);
    for (const line of wrong.slice(0, WRONG_SAID_MAX)) progress(`wrong: ${line}`);
    return {
      good,
      stored: await stored(),
      poisons: poisons.length,
      kinds: new Set(poisons.map(({ kind }) => kind)).size,
      wrong: wrong.length,
      lateMs,
    };
  } finally {
    await indexers.stop();
    await database.drop();
  }
}

const goodRecord = (): Buffer =>
  encodeTraces(Array.from({ length: SPANS_PER_RECORD }, () => aSpan({ service: "good" })));

async function goodSpans(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>(
    `SELECT count(*) FROM trail_private.spans
     WHERE service_id = (SELECT service_id FROM trail_private.services WHERE name = 'good')`,
  );
  return Number(rows[0]?.count);
}

async function sendAll(
  spans: number,
  topic: string,
  pool: Pool,
  lateness: Lateness,
  progress: (line: string) => void,
): Promise<{ good: number; poisons: SentPoison[] }> {
  const producer = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const kinds = POISONS.map(kindOf);
  const poisons: SentPoison[] = [];
  // Joining the group takes its time, which is nobody's lateness.
  const first = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: goodRecord() }));
  await producer.send({ topic, messages: first });
  let good = PARTITIONS * SPANS_PER_RECORD;
  await waitUntil("the first spans being stored", async () => (await goodSpans(pool)) === good, {
    timeoutMs: 60_000,
  });

  const startedAt = performance.now();
  for (let pair = 0; good < spans || pair < kinds.length; pair++) {
    const kind = kinds[pair % kinds.length] as (typeof kinds)[number];
    const { bytes, traceId } = kind.make(pair);
    const [partition, of] = [pair % PARTITIONS, (pair + 1) % PARTITIONS];
    const told = await producer.send({
      topic,
      messages: [
        { partition, value: goodRecord() },
        { partition: of, value: bytes },
      ],
      compression: CompressionTypes.GZIP,
    });
    good += SPANS_PER_RECORD;
    for (const { partition: on, baseOffset } of told) {
      lateness.sent(on, BigInt(baseOffset ?? 0));
      if (on === of) poisons.push({ kind, place: `${on}/${baseOffset}`, traceId });
    }
    if (pair % 500 === 499) progress(`${good} good spans sent, and ${poisons.length} poisons`);
    const aheadMs = (pair / PAIRS_PER_SECOND) * 1_000 - (performance.now() - startedAt);
    if (aheadMs > 5) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
  await producer.disconnect();
  return { good, poisons };
}
