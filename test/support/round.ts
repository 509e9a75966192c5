import { Kafka, logLevel } from "kafkajs";
import { type TraceOptions, traceKafka } from "kafka-trail";
import { formatCoordinates } from "kafka-trail/trace-context";
import type { Pool } from "pg";
import { waitUntil } from "../../dev/wait.ts";
import { kafkaBrokers } from "./services.ts";
import { createTopic } from "./topics.ts";

/** What consumers of a round were really handed, by consumer group: every `topic/partition/offset`. */
export interface Round {
  readonly topic: string;
  readonly seen: ReadonlyMap<string, readonly string[]>;
}

const MESSAGES = 1_000;
const SINGLES = 300;
const BATCH = 70;

/**
 * Sends 1,000 messages through a traced client, singly and in batches, and lets two traced groups consume them all: one
 * message by message, one in batches. `midway` is awaited when half of them are sent.
 */
export async function playRound(
  options: TraceOptions,
  midway: () => Promise<unknown> = async () => undefined,
): Promise<Round> {
  const topic = await createTopic("orders", 6);
  const kafka = traceKafka(
    new Kafka({ clientId: "road", brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }),
    options,
  );
  const producer = kafka.producer();
  const one = kafka.consumer({ groupId: `billing-${topic}` });
  const many = kafka.consumer({ groupId: `inventory-${topic}` });
  const seen = new Map<string, string[]>([
    ["one", []],
    ["many", []],
  ]);
  const saw = (by: string, partition: number, offset: string) =>
    seen.get(by)?.push(formatCoordinates({ topic, partition, messageOffset: BigInt(offset) }));

  await Promise.all([producer.connect(), one.connect(), many.connect()]);
  for (const consumer of [one, many]) await consumer.subscribe({ topics: [topic], fromBeginning: true });
  await one.run({
    eachMessage: async ({ partition, message }) => void saw("one", partition, message.offset),
  });
  await many.run({
    eachBatch: async ({ batch }) => {
      for (const { offset } of batch.messages) saw("many", batch.partition, offset);
    },
  });
  await sendAll(producer, topic, midway);
  await waitUntil(
    "both groups having consumed the round",
    () => [...seen.values()].every((it) => it.length >= MESSAGES),
    { timeoutMs: 60_000 },
  );
  await Promise.all([producer.disconnect(), one.disconnect(), many.disconnect()]);
  return {
    topic,
    seen: new Map([
      [`billing-${topic}`, seen.get("one") ?? []],
      [`inventory-${topic}`, seen.get("many") ?? []],
    ]),
  };
}

async function sendAll(
  producer: ReturnType<Kafka["producer"]>,
  topic: string,
  midway: () => Promise<unknown>,
): Promise<void> {
  const message = (n: number) => ({ key: `order-${n}`, value: `{"number":${n}}` });
  for (let n = 0; n < SINGLES; n++) await producer.send({ topic, messages: [message(n)] });
  for (let n = SINGLES; n < MESSAGES; n += BATCH) {
    if (n === SINGLES + 4 * BATCH) await midway();
    const messages = Array.from({ length: Math.min(BATCH, MESSAGES - n) }, (_, i) => message(n + i));
    await producer.send({ topic, messages });
  }
}

/** The hops that the store holds of a round, spelled `operation group at`; ordered, so that two lists can be compared. */
export async function storedHops(pool: Pool, topic: string): Promise<string[]> {
  const { rows } = await pool.query<{ operation: string; consumer_group: string | null; at: string }>(
    `SELECT CASE operation WHEN 'process' THEN 'process' ELSE 'send' END AS operation, consumer_group,
            topic || '/' || partition || '/' || message_offset AS at
       FROM trail.hops WHERE topic = $1`,
    [topic],
  );
  return rows.map((row) => `${row.operation} ${row.consumer_group ?? ""} ${row.at}`).toSorted();
}

/** The hops that a round must have: one send a message, at the place where the consumers saw it, and one process a group. */
export function expectedHops(round: Round): string[] {
  const [places] = [...round.seen.values()];
  const sends = (places ?? []).map((at) => `send  ${at}`);
  const processes = [...round.seen].flatMap(([group, seen]) => seen.map((at) => `process ${group} ${at}`));
  return [...sends, ...processes].toSorted();
}
