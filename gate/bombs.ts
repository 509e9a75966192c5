import { gzipSync } from "node:zlib";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { startStore } from "../dev/trail-store.ts";
import { waitUntil } from "../dev/wait.ts";
import { migratedDatabase } from "../test/support/database.ts";
import { aSpan, encodeTraces } from "../test/support/otlp.ts";
import { kafkaBrokers } from "../test/support/services.ts";
import { createTopic } from "../test/support/topics.ts";
import { MemoryWatch, residentMib } from "./support/resident-memory.ts";
import { withServices } from "./support/services.ts";

const BOMB_BYTES = 512 * 1_048_576;
const MORE_MIB_MAX = 100;
const BOMBS = 3;

/** Half a megabyte that unpacks to 512 MiB, on the topic and by HTTP: refused, and memory stays where it was. */
async function play({ progress, table }: RunOptions) {
  const database = await migratedDatabase();
  const topic = await createTopic("bombs", 1, { "max.message.bytes": "4194304" });
  const env = { KAFKA_TRAIL_SPAN_TOPIC: topic, KAFKA_TRAIL_INDEXER_GROUP: topic };
  const store = await startStore({ databaseUrl: database.url, brokers: kafkaBrokers(), env });
  const post = (body: Buffer) =>
    fetch(`http://127.0.0.1:${store.otlpHttpPort}/v1/traces`, {
      method: "POST",
      body: new Uint8Array(body),
      headers: { "content-type": "application/x-protobuf", "content-encoding": "gzip" },
    });

  await post(gzipSync(encodeTraces([aSpan()])));
  const beforeMib = Math.round(residentMib(store.child.pid));
  const memory = new MemoryWatch(() => [store.child]);
  progress("packing the bombs");
  const bomb = gzipSync(Buffer.alloc(BOMB_BYTES));
  const producer = new Kafka({ brokers: kafkaBrokers(), logLevel: logLevel.NOTHING }).producer();
  await producer.connect();
  const refused: number[] = [];
  for (let i = 0; i < BOMBS; i++) {
    progress(`bomb ${i + 1} of ${BOMBS}, ${bomb.length} bytes each`);
    await producer.send({
      topic,
      messages: [{ value: Buffer.alloc(BOMB_BYTES) }],
      compression: CompressionTypes.GZIP,
    });
    refused.push((await post(bomb)).status);
  }
  await producer.send({ topic, messages: [{ value: encodeTraces([aSpan()]) }] });
  await producer.disconnect();
  const count = async (sql: string) =>
    Number((await database.pool.query<{ count: string }>(sql)).rows[0]?.count);
  const isBehind = async () => (await count("SELECT count(*) FROM trail.spans")) === 2;
  const goesOn = await waitUntil("the span behind the bombs", isBehind, { timeoutMs: 60_000 }).catch(
    () => false,
  );
  const quarantined = await count(
    "SELECT count(*) FROM trail_private.quarantine WHERE reason = 'decompression_bomb'",
  );
  const moreMib = memory.stop() - beforeMib;
  await store.stop();
  await database.drop();

  const isRefused = refused.every((status) => status === 413);
  const figures = {
    bombs: BOMBS,
    beforeMib,
    moreMib,
    moreMibMax: MORE_MIB_MAX,
    http: refused.join(" "),
    quarantined,
    goesOn,
  };
  table([figures]);
  return { passed: isRefused && quarantined >= 1 && goesOn && moreMib < MORE_MIB_MAX, figures };
}

export const gate: Runnable = {
  name: "bombs",
  summary: "512 MiB out of half a megabyte, on the topic and by HTTP: refused within 100 MiB of memory",
  run: (options) => withServices(options.progress, () => play(options)),
};
