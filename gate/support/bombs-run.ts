import { promisify } from "node:util";
import { gzip, gzipSync } from "node:zlib";
import { CompressionCodecs, CompressionTypes, Kafka, logLevel } from "kafkajs";
import { startStore, type Store } from "../../dev/trail-store.ts";
import { waitUntil } from "../../dev/wait.ts";
import { migratedDatabase } from "../../test/support/database.ts";
import { aSpan, encodeTraces } from "../../test/support/otlp.ts";
import { kafkaBrokers } from "../../test/support/services.ts";
import { createTopic } from "../../test/support/topics.ts";
import { plantMutant, type Mutant } from "./mutant.ts";
import { forgetPeak, MemoryWatch, residentMib } from "./resident-memory.ts";

/** Bombs of each way, the topic and HTTP: every second one lies about its size. */
export const BOMBS = 4;

export interface BombsResult {
  readonly bombMib: number;
  readonly beforeMib: number;
  /** At the peak, more than before the first bomb. */
  readonly moreMib: number;
  /** Exports answered with 413. */
  readonly refused: number;
  /** Records of the topic that are in quarantine as bombs. */
  readonly quarantined: number;
  /** The record behind the bombs was stored. */
  readonly goesOn: boolean;
}

const BOMB_BYTES = 512 * 1_048_576;
const GOES_ON_MS = 30_000;
/** Good exports and records before the bombs, each. */
const GOOD = 100;
const SPANS_PER_RECORD = 100;

const goodRecord = (): Buffer => encodeTraces(Array.from({ length: SPANS_PER_RECORD }, () => aSpan()));

/**
 * Half a megabyte of gzip that unpacks to 512 MiB. The last four bytes say to how much (RFC 1952); one that lies has an
 * empty member behind the large one, and says zero. It is sound all the same: a broker takes it.
 */
const armed = (packed: Buffer, lies: boolean): Buffer =>
  lies ? Buffer.concat([packed, gzipSync("")]) : packed;

const pack = promisify(gzip);

/** Throws bombs at a store, one at a time, and says what became of it. */
export async function runBombs({
  progress,
  mutant,
}: {
  readonly progress: (line: string) => void;
  readonly mutant?: Mutant;
}): Promise<BombsResult> {
  const database = await migratedDatabase();
  const topic = await createTopic("bombs", 1, { "max.message.bytes": "4194304" });
  const store = await startStore({
    databaseUrl: database.url,
    brokers: kafkaBrokers(),
    env: { KAFKA_TRAIL_SPAN_TOPIC: topic, KAFKA_TRAIL_INDEXER_GROUP: topic },
    ...(mutant && { program: plantMutant(mutant) }),
  });
  const count = async (sql: string) =>
    Number((await database.pool.query<{ count: string }>(sql)).rows[0]?.count);
  const hasStored = async (spans: number) =>
    (await count("SELECT count(*) FROM trail_private.spans")) === spans;
  const quarantined = () =>
    count("SELECT count(*) FROM trail_private.quarantine WHERE reason = 'decompression_bomb'");
  try {
    const sender = await openSender(topic);
    // A store that has been at work: what it needs anyway is not the bombs' doing.
    for (let i = 0; i < GOOD; i++) {
      await post(store, gzipSync(goodRecord()));
      await sender.sendGood(goodRecord());
    }
    await waitUntil("the good spans being stored", () => hasStored(2 * GOOD * SPANS_PER_RECORD), {
      timeoutMs: 60_000,
    });
    forgetPeak(store.child.pid);
    const beforeMib = Math.round(residentMib(store.child.pid));
    const memory = new MemoryWatch(() => [store.child]);
    let refused = 0;
    for (let i = 0; i < BOMBS; i++) {
      const lies = i % 2 === 1;
      progress(`bomb ${i + 1} of ${BOMBS}${lies ? ", which lies about its size" : ""}`);
      await sender.send(lies);
      // One at a time: the budget is one bomb's.
      await waitUntil("the bomb being put aside", async () => (await quarantined()) > i, {
        timeoutMs: GOES_ON_MS / 3,
      }).catch(() => undefined);
      if ((await post(store, await bomb(lies))) === 413) refused += 1;
    }
    await sender.sendGood(goodRecord());
    await sender.close();
    const goesOn = await waitUntil(
      "the spans behind the bombs",
      () => hasStored((2 * GOOD + 1) * SPANS_PER_RECORD),
      { timeoutMs: GOES_ON_MS },
    ).catch(() => false);
    const moreMib = memory.stop() - beforeMib;
    return {
      bombMib: BOMB_BYTES / 1_048_576,
      beforeMib,
      moreMib,
      refused,
      quarantined: await quarantined(),
      goesOn,
    };
  } finally {
    await store.stop();
    await database.drop();
  }
}

/** The answer's status; 0 where there is none, as of a store that has burst. */
async function post({ otlpHttpPort }: Store, body: Buffer): Promise<number> {
  try {
    const { status } = await fetch(`http://127.0.0.1:${otlpHttpPort}/v1/traces`, {
      method: "POST",
      body: new Uint8Array(body),
      headers: { "content-type": "application/x-protobuf", "content-encoding": "gzip" },
    });
    return status;
  } catch {
    return 0;
  }
}

/** Sends bombs and good records to the topic. */
interface BombSender {
  send(lies: boolean): Promise<void>;
  sendGood(value: Buffer): Promise<void>;
  close(): Promise<void>;
}

const bomb = async (lies: boolean): Promise<Buffer> => armed(await pack(Buffer.alloc(BOMB_BYTES)), lies);

/** With a gzip of our own, which can lie. */
async function openSender(topic: string): Promise<BombSender> {
  let isLying = false;
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    compress: async (encoder: { buffer: Buffer }) => armed(await pack(encoder.buffer), isLying),
    decompress: () => Promise.reject(new Error("This sender reads nothing.")),
  });
  const producer = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  return {
    async send(lies) {
      isLying = lies;
      const messages = [{ value: Buffer.alloc(BOMB_BYTES) }];
      await producer.send({ topic, messages, compression: CompressionTypes.GZIP });
    },
    async sendGood(value) {
      await producer.send({ topic, messages: [{ value }] });
    },
    close: () => producer.disconnect(),
  };
}
