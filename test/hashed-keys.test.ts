import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { readConfig } from "../trace-store/config.ts";
import { createQuery } from "../trace-store/query/query.ts";
import type { Query } from "../trace-store/query/questions.ts";
import { purge } from "../trace-store/write/purge.ts";
import { aPart, aSend } from "./support/span-rows.ts";
import { aStore, withClient, type TestStore } from "./support/stores.ts";
import { openTracedProducer, closeProducers } from "./support/producers.ts";
import { createTopic } from "./support/topics.ts";

const SECRET = "a secret that the apps and the store share";
const KEY = "customer-7";
let store: TestStore;
let query: Query;
/** As the library records it. */
let recorded: string;

beforeAll(async () => {
  store = await aStore();
  const { keyHmacSecret } = readConfig({ KAFKA_TRAIL_KEY_HMAC_SECRET: SECRET });
  query = createQuery({ databaseUrl: store.database.url, keyHmacSecret });
  const topic = await createTopic("hashed");
  const { producer, finished } = await openTracedProducer({ options: { key: { hmacSecret: SECRET } } });
  await producer.send({ topic, messages: [{ key: KEY, value: "1", partition: 0 }] });
  recorded = String(finished().at(-1)?.attributes["messaging.kafka.message.key"]);
  await closeProducers();
  const rows = [
    aSend("orders", 0, 1n, { messageKey: recorded }),
    aSend("orders", 0, 2n, { messageKey: KEY }),
    aSend("orders", 0, 3n, { messageKey: "somebody else" }),
  ];
  await store.writer.write({ parts: [aPart(rows)] });
});
afterAll(async () => {
  await query.close();
  await store.close();
});

async function found(by: Query): Promise<Set<string | null>> {
  const answer = await by.find(KEY);
  if (answer.kind !== "matches") return new Set();
  return new Set(answer.matches.matches.map(({ hop }) => hop.messageOffset));
}

test("a key that an app records as an HMAC is found by the key itself, beside those recorded as they are", async () => {
  expect(recorded).toMatch(/^[0-9a-f]{64}$/);
  expect(await found(query)).toEqual(new Set(["1", "2"]));
});

test("without the secret nobody finds it", async () => {
  const stranger = createQuery({ databaseUrl: store.database.url });

  const offsets = await found(stranger);
  await stranger.close();

  expect(offsets).toEqual(new Set(["2"]));
});

test("a key is forgotten in both of its spellings", async () => {
  const purged = await withClient(store.database.url, (client) => purge(client, { key: KEY }, SECRET));

  expect(purged.spans).toBe(2);
  expect(await found(query)).toEqual(new Set());
});
