import { CompressionTypes, Kafka, logLevel, type Producer } from "kafkajs";
import type { Pool } from "pg";
import { waitUntil } from "../../dev/wait.ts";
import { migratedDatabase } from "../../test/support/database.ts";
import { aSpan, encodeTraces } from "../../test/support/otlp.ts";
import { Indexers } from "./indexers.ts";
import { plantMutant, type Mutant } from "./mutant.ts";
import { storedSpans } from "./span-load.ts";

/** What became of a span topic that was cut, made anew, and looked for on another cluster. */
export interface RecreatedResult {
  readonly lost: number;
  readonly doubled: number;
  /** `partition first-last reason` of every gap row. */
  readonly gaps: readonly string[];
  readonly gapsExpected: readonly string[];
}

const TOPIC = "recreated_spans";
const PARTITIONS = 2;
const SPANS_PER_RECORD = 5;
const STORED_TIMEOUT_MS = 25_000;

/** One span topic on one cluster, as its sender and its operator see it. */
class SpanTopic {
  readonly brokers: readonly string[];
  readonly #kafka: Kafka;

  constructor(brokers: readonly string[]) {
    this.brokers = brokers;
    this.#kafka = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING });
  }

  async make(): Promise<void> {
    await this.#administer(async (admin) => {
      const made = async () => (await admin.fetchTopicOffsets(TOPIC).catch(() => [])).length === PARTITIONS;
      await waitUntil(
        "the span topic being made",
        async () => {
          await admin
            .createTopics({ topics: [{ topic: TOPIC, numPartitions: PARTITIONS }], waitForLeaders: false })
            .catch(() => false);
          return made();
        },
        { timeoutMs: 20_000, intervalMs: 200 },
      );
    });
  }

  /** Deletes it where there is one. */
  async makeAnew(): Promise<void> {
    await this.#administer(async (admin) => {
      if ((await admin.listTopics()).includes(TOPIC)) await admin.deleteTopics({ topics: [TOPIC] });
      await waitUntil("the span topic being gone", async () => !(await admin.listTopics()).includes(TOPIC), {
        timeoutMs: 20_000,
      });
    });
    await this.make();
  }

  /** As retention does. */
  async cutBefore(partition: number, offset: number): Promise<void> {
    await this.#administer(async (admin) => {
      // kafkajs deletes records only of a topic whose leaders it has asked for.
      await admin.fetchTopicOffsets(TOPIC);
      await admin.deleteTopicRecords({ topic: TOPIC, partitions: [{ partition, offset: String(offset) }] });
    });
  }

  /** Sends records to each partition; returns how many spans they hold. */
  async send(recordsPerPartition: number): Promise<number> {
    const producer = this.#kafka.producer({ allowAutoTopicCreation: false, retry: { retries: 20 } });
    await producer.connect();
    for (let record = 0; record < recordsPerPartition; record++) {
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const value = encodeTraces(Array.from({ length: SPANS_PER_RECORD }, () => aSpan()));
        await sendOne(producer, { value, partition });
      }
    }
    await producer.disconnect();
    return recordsPerPartition * PARTITIONS * SPANS_PER_RECORD;
  }

  async #administer(work: (admin: ReturnType<Kafka["admin"]>) => Promise<void>): Promise<void> {
    const admin = this.#kafka.admin({ retry: { retries: 10 } });
    await admin.connect();
    try {
      await work(admin);
    } finally {
      await admin.disconnect();
    }
  }
}

/** A producer may still know the topic that was: nothing was sent then, and it is tried again. */
async function sendOne(producer: Producer, message: { value: Buffer; partition: number }): Promise<void> {
  const send = async (): Promise<boolean> => {
    try {
      await producer.send({ topic: TOPIC, messages: [message], compression: CompressionTypes.GZIP });
      return true;
    } catch (error) {
      if ((error as Error).name !== "KafkaJSTopicMetadataNotLoaded") throw error;
      return false;
    }
  };
  await waitUntil("the producer knowing the new topic", send, { timeoutMs: 20_000, intervalMs: 200 });
}

/** Plays everything that can become of a span topic, one thing after the other, and compares what is stored. */
export async function runRecreated(
  clusters: { readonly first: readonly string[]; readonly second: readonly string[] },
  progress: (line: string) => void,
  mutant?: Mutant,
): Promise<RecreatedResult> {
  const database = await migratedDatabase();
  const program = mutant && plantMutant(mutant);
  const [here, elsewhere] = [new SpanTopic(clusters.first), new SpanTopic(clusters.second)];
  let expected = 0;
  const indexed = async (
    what: string,
    topic: SpanTopic,
    work: (indexers: Indexers) => Promise<void> = async () => undefined,
  ) => {
    progress(what);
    const indexers = new Indexers({
      brokers: topic.brokers,
      databaseUrl: database.url,
      topic: TOPIC,
      ...(program && { program }),
    });
    await indexers.start();
    await work(indexers);
    await untilStored(database.pool, () => expected);
    await indexers.stop();
  };

  for (const topic of [here, elsewhere]) await topic.makeAnew();
  expected += await here.send(20);
  await indexed("a first life", here);

  await here.makeAnew();
  // More records than the first life had: offsets alone would not tell the two apart.
  expected += await here.send(30);
  await indexed("made anew while nobody read it", here, async () => {
    await untilStored(database.pool, () => expected);
    progress("made anew while it is being read");
    await here.makeAnew();
    expected += await here.send(40);
  });

  expected += (await here.send(15)) - 10 * SPANS_PER_RECORD;
  await here.cutBefore(0, 50);
  await indexed("cut by retention before it was read", here);

  expected += await elsewhere.send(60);
  await indexed("looked for on another cluster", elsewhere);
  expected += await here.send(5);
  await indexed("and on the first one again", here);

  const result = await compare(database.pool, expected);
  await database.drop();
  return result;
}

async function untilStored(pool: Pool, expected: () => number): Promise<void> {
  const isStored = async () => (await storedSpans(pool)) >= expected();
  // Not being stored in time is a finding of the gate, not a fault of it.
  await waitUntil("all spans being stored", isStored, {
    timeoutMs: STORED_TIMEOUT_MS,
    intervalMs: 100,
  }).catch(() => undefined);
}

async function compare(pool: Pool, expected: number): Promise<RecreatedResult> {
  const { rows: spans } = await pool.query<{ total: string; distinct: string }>(
    "SELECT count(*) AS total, count(DISTINCT (trace_id, span_id)) AS distinct FROM trail_private.spans",
  );
  const [total, distinct] = [Number(spans[0]?.total), Number(spans[0]?.distinct)];
  const { rows: gaps } = await pool.query<{ gap: string }>(
    `SELECT incarnation || ' ' || partition || ' ' || first_offset || '-' || coalesce(last_offset::text, '') || ' ' || reason AS gap
       FROM trail_private.source_gaps ORDER BY 1`,
  );
  return {
    lost: expected - distinct,
    doubled: total - distinct,
    gaps: gaps.map((row) => row.gap),
    gapsExpected: [
      // Where a life ended nobody can tell any more, only where we were.
      "1 0 20- topic made anew",
      "1 1 20- topic made anew",
      "2 0 30- topic made anew",
      "2 1 30- topic made anew",
      "3 0 40-49 retention",
      "3 0 55- another cluster",
      "3 1 55- another cluster",
    ],
  };
}
