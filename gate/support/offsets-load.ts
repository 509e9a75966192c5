import { randomBytes } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { Kafka, logLevel, type Message, type Producer, type Transaction } from "kafkajs";
import { waitUntil } from "../../dev/wait.ts";
import type { FaultyProxy } from "./faulty-proxy.ts";
import type { Library } from "./library.ts";
import type { OffsetsMode } from "./offsets-modes.ts";
import { collectSpans, type CollectedSpans } from "./spans.ts";

/** What one mode sent. */
export interface OffsetsLoad {
  readonly spans: CollectedSpans;
  readonly sends: number;
  readonly rejected: number;
  /** Why sends were rejected, and how often. */
  readonly reasons: Readonly<Record<string, number>>;
  readonly faults: number;
}

/** How many sends were made and what was rejected; counted as it goes. */
interface Tally {
  sends: number;
  rejected: number;
  readonly reasons: Record<string, number>;
}

interface LoadOptions {
  readonly library: Library;
  readonly mode: OffsetsMode;
  readonly messageCount: number;
  readonly topics: readonly [string, string];
  readonly brokers: readonly string[];
  readonly proxy: FaultyProxy;
}

const PARTITIONS = 6;
const SENDS_PER_TRANSACTION = 6;
const FAULT_EVERY_MS = 250;
const PAIRS = 10;
const LEADER_OF_FIRST_PARTITION = 1;
/** Less than the 240 ms after which kafkajs tries again at the earliest, and enough for the client to see the cut. */
const BEFORE_RETRY_MS = 60;

/** Messages with a key, with a partition, with neither; and one object that comes again and again. */
class Messages {
  count = 0;

  take(count: number): Message[] {
    const again: Message = { value: `again ${this.count}`, headers: { kind: "again" } };
    return Array.from({ length: count }, () => {
      const n = this.count++;
      if (n % 11 === 0) return again;
      return {
        value: `message ${n}`,
        ...(n % 3 === 0 && { key: `key ${n}` }),
        ...(n % 7 === 0 && { partition: n % PARTITIONS }),
      };
    });
  }
}

/** Sends messages in one mode, and returns the spans that the library made of it. */
export async function sendMessages(load: LoadOptions): Promise<OffsetsLoad> {
  const { library, mode, brokers, proxy } = load;
  const spans = collectSpans();
  const kafka = library.traceKafka(
    new Kafka({
      clientId: "gate",
      brokers: [...(mode.isFaulty === true ? proxy.brokers : brokers)],
      logLevel: logLevel.NOTHING,
    }),
    {
      ...spans.options,
      ...(mode.hasDefaultSpans !== true && { createSpansMax: 10_000 }),
      ...mode.options,
    },
  );
  const producer = kafka.producer({
    ...mode.producer,
    ...(mode.isTransactional === true && { transactionalId: `gate-${randomBytes(4).toString("hex")}` }),
  });
  await producer.connect();
  const tally: Tally = { sends: 0, rejected: 0, reasons: {} };
  await warmUp(producer, load);
  spans.clear();
  const faultsBefore = proxy.faultsDone;
  let isOver = false;
  proxy.swallowEvery = mode.strike === "every fifth" ? 5 : undefined;
  const isSteady = mode.isFaulty === true && mode.strike === undefined;
  const failing = isSteady ? proxy.failSteadily(FAULT_EVERY_MS, () => isOver) : undefined;
  const how =
    mode.isTransactional === true ? inTransactions : mode.strike === "first of two" ? inPairs : inLanes;
  await how(producer, load, tally);
  isOver = true;
  proxy.swallowEvery = undefined;
  await failing;
  await producer.disconnect();
  return { spans, ...tally, faults: proxy.faultsDone - faultsBefore };
}

/** Value of messages that are not the gate's. */
export const WARM_UP = "warm-up";

/** Asks every broker once: one that does not know a new topic yet would have the first send retried. */
async function warmUp(producer: Producer, { topics, mode }: LoadOptions): Promise<void> {
  const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({ partition, value: WARM_UP }));
  const batch = { topicMessages: topics.map((topic) => ({ topic, messages })) };
  if (mode.isTransactional !== true) return void (await producer.sendBatch(batch));
  const transaction = await producer.transaction();
  await transaction.sendBatch(batch);
  await transaction.commit();
}

async function inLanes(producer: Producer, load: LoadOptions, tally: Tally): Promise<void> {
  const messages = new Messages();
  const lane = async () => {
    while (messages.count < load.messageCount) await sendOnce(producer, load, messages, tally);
  };
  await Promise.all(Array.from({ length: load.mode.lanes ?? 8 }, lane));
}

async function inTransactions(producer: Producer, load: LoadOptions, tally: Tally): Promise<void> {
  const messages = new Messages();
  for (let i = 0; messages.count < load.messageCount; i++) {
    const transaction = await producer.transaction();
    for (let j = 0; j < SENDS_PER_TRANSACTION; j++) await sendOnce(transaction, load, messages, tally);
    await (i % 3 === 0 ? transaction.abort() : transaction.commit());
  }
}

/**
 * Sends the same number of messages twice to one partition, and has the first answer swallowed. kafkajs then takes back the
 * numbers of what the broker has stored, and gives them to the second send.
 */
async function inPairs(
  producer: Producer,
  { topics: [topic], proxy }: LoadOptions,
  tally: Tally,
): Promise<void> {
  const send = async (name: string) => {
    tally.sends++;
    const messages = Array.from({ length: 10 }, (_, i) => ({ partition: 0, value: `${name} ${i}` }));
    await producer.send({ topic, messages }).catch(() => tally.rejected++);
  };
  for (let pair = 0; pair < PAIRS; pair++) {
    const before = proxy.faultsDone;
    proxy.failNext(LEADER_OF_FIRST_PARTITION, "swallow");
    const first = send(`first ${pair}`);
    await waitUntil("The swallowed answer", () => proxy.faultsDone > before, { timeoutMs: 30_000 });
    await pause(BEFORE_RETRY_MS);
    await Promise.all([first, send(`second ${pair}`)]);
  }
}

/** Sends one, fifty or, with a topic named twice, seventy messages. */
async function sendOnce(
  sender: Producer | Transaction,
  { mode, topics: [a, b] }: LoadOptions,
  messages: Messages,
  tally: Tally,
): Promise<void> {
  const i = tally.sends++;
  const how = {
    ...(mode.acks !== undefined && { acks: mode.acks }),
    ...(mode.compression !== undefined && { compression: mode.compression }),
  };
  const sending =
    i % 4 === 3
      ? sender.sendBatch({
          ...how,
          topicMessages: [
            { topic: a, messages: messages.take(37) },
            { topic: b, messages: messages.take(20) },
            { topic: a, messages: messages.take(13) },
          ],
        })
      : sender.send({ ...how, topic: i % 2 === 0 ? a : b, messages: messages.take(i % 5 === 0 ? 1 : 50) });
  await sending.catch((error: Error & { cause?: Error }) => {
    if (mode.isFaulty !== true) throw error;
    tally.rejected++;
    const reason = `${error.name}: ${error.message}`;
    tally.reasons[reason] = (tally.reasons[reason] ?? 0) + 1;
  });
}
