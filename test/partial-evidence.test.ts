import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Client } from "pg";
import { createQuery } from "../trace-store/query/query.ts";
import { openHttpDoor } from "./support/doors.ts";
import { get } from "./support/http.ts";
import { aSpan, encodeTraces, Kind, type TestSpan } from "./support/otlp.ts";
import { openPeerStore, type PeerStore } from "./support/peer-store.ts";
import { databaseUrl } from "./support/services.ts";

// Spans sampled at 1 %, and a Postgres that takes no writes: what cannot be known is said, and nothing is called lost.

const MESSAGES = 1_000;
const IN_A_HUNDRED = 37;
let store: PeerStore;

beforeAll(async () => {
  store = await openPeerStore();
  await store.tellTruth({
    topics: {
      orders: { partitions: { 0: { log_start: 0, log_end: MESSAGES + 10 } } },
      paid: { partitions: { 0: { log_start: 0, log_end: 5 } } },
    },
    groups: {
      billing: { partitions: { orders: { 0: { committed: MESSAGES } }, paid: { 0: { committed: 0 } } } },
    },
    messages: [],
  });
  const sampled = Array.from({ length: MESSAGES / 100 }, (_, i) => i * 100 + IN_A_HUNDRED);
  await store.take([encodeTraces(sampled.flatMap(sentAndProcessed))]);
});
afterAll(() => store.close());

function sentAndProcessed(messageOffset: number): TestSpan[] {
  const at = {
    "messaging.system": "kafka",
    "messaging.destination.name": "orders",
    "messaging.destination.partition.id": "0",
    "messaging.kafka.offset": messageOffset,
  };
  const sent = aSpan({ attributes: { ...at, "messaging.operation.type": "send" } });
  const { traceId, spanId: parentSpanId } = sent;
  const group = { "messaging.operation.type": "process", "messaging.consumer.group.name": "billing" };
  return [sent, aSpan({ traceId, parentSpanId, kind: Kind.consumer, attributes: { ...at, ...group } })];
}

async function verdictsOn(messageOffset: number): Promise<string[]> {
  const answer = await store.query.message({
    topic: "orders",
    partition: 0,
    messageOffset: String(messageOffset),
  });
  return answer.found ? answer.groups.map(({ verdict, why }) => `${verdict}: ${why}`) : [answer.sentence];
}

test("of spans sampled at 1 %, the sampled are delivered and the others passed, and the reason is that they are sampled", async () => {
  const counts = new Map<string, number>();
  for (let messageOffset = 0; messageOffset < MESSAGES; messageOffset += 4 + (messageOffset % 3)) {
    const said = (await verdictsOn(messageOffset)).join();
    const kind = messageOffset % 100 === IN_A_HUNDRED ? "sampled" : "not sampled";
    counts.set(`${kind} ${said}`, (counts.get(`${kind} ${said}`) ?? 0) + 1);
  }
  const said = [...counts.keys()].toSorted();

  expect(said).toEqual([
    "not sampled PASSED_UNTRACED: the group has committed 1000; its spans are sampled, or this one was lost",
    "sampled DELIVERED: an attempt was ok, and the group has committed 1000",
  ]);
});

test("of spans sampled at 1 %, what the group passed is not listed as undelivered", async () => {
  const { messages } = await store.query.undelivered({
    topic: "orders",
    consumerGroup: "billing",
    olderThanMs: 0,
  });

  expect(messages.filter(({ messageOffset }) => Number(messageOffset) < MESSAGES)).toEqual([]);
});

test("what waits at a log's end and is no known message may be a transaction's marker, and the list says so", async () => {
  const at = (offset: number) => ({
    "messaging.system": "kafka",
    "messaging.destination.name": "paid",
    "messaging.destination.partition.id": "0",
    "messaging.kafka.offset": offset,
  });
  const audited = { "messaging.operation.type": "process", "messaging.consumer.group.name": "audit" };
  await store.take([
    encodeTraces([
      aSpan({ attributes: { ...at(0), "messaging.operation.type": "send" } }),
      aSpan({ kind: Kind.consumer, attributes: { ...at(2), ...audited } }),
    ]),
  ]);

  const { messages } = await store.query.undelivered({
    topic: "paid",
    consumerGroup: "billing",
    olderThanMs: 0,
  });

  const doubt =
    "; no message is known at or behind it, so it may also be a transaction's marker or an aborted message";
  expect(messages.map(({ messageOffset, verdict, why }) => `${messageOffset} ${verdict}: ${why}`)).toEqual([
    "0 WAITING: the group has committed 0",
    "1 WAITING: the group has committed 0",
    "2 WAITING: the group has committed 0",
    `3 WAITING: the group has committed 0${doubt}`,
    `4 WAITING: the group has committed 0${doubt}`,
  ]);
});

test("on a Postgres that takes no writes every question is answered, and what is old is said to be", async () => {
  await store.database.pool.query("UPDATE trail_private.watchers SET swept_at = now() - interval '1 hour'");
  const name = new URL(store.database.url).pathname.slice(1);
  const admin = new Client({ connectionString: databaseUrl() });
  await admin.connect();
  await admin.query(`ALTER DATABASE ${name} SET default_transaction_read_only = on`);
  await admin.end();
  const query = createQuery({ databaseUrl: store.database.url, settleMs: 0, connectionsMax: 2 });
  const http = await openHttpDoor(query);

  try {
    const waiting = await get(http, "/api/v1/messages/orders/0/1005");
    const passed = await get(http, "/api/v1/messages/orders/0/1");
    const others = await Promise.all(
      [
        "/api/v1/find?q=orders/0/37",
        "/api/v1/undelivered?topic=orders&consumerGroup=billing",
        "/api/v1/coverage?topic=orders",
        "/api/v1/groups",
      ].map(async (path) => (await get(http, path)).status),
    );

    expect(waiting).toMatchObject({
      status: 200,
      body: {
        groups: [
          {
            verdict: "UNKNOWN",
            why: "the broker's offsets were not looked at lately",
            flags: ["incomplete"],
          },
        ],
      },
    });
    expect(passed).toMatchObject({ status: 200, body: { groups: [{ verdict: "PASSED_UNTRACED" }] } });
    expect(others).toEqual([200, 200, 200, 200]);
  } finally {
    await http.close();
    await query.close();
  }
});
