import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { Query } from "../trace-store/query/questions.ts";
import { parseId } from "../trace-store/query/parse-id.ts";
import { createQuery } from "../trace-store/query/query.ts";
import type { TestDatabase } from "./support/database.ts";
import { storyDatabase, TRACE_ID } from "./support/story.ts";

let database: TestDatabase;
let query: Query;

beforeAll(async () => {
  database = await storyDatabase();
  query = createQuery({ databaseUrl: database.url, connectionsMax: 4 });
});
afterAll(async () => {
  await query.close();
  await database.drop();
});

test("one message: its identity, every group's verdict, attempts, dead letter, causes and effects", async () => {
  const answer = await query.message({ topic: "orders", partition: 3, messageOffset: 4711n });

  if (!answer.found) throw new Error(answer.sentence);
  expect(answer.message).toMatchObject({
    msgId: "order-4711",
    messageKey: "customer-7",
    verdict: "APPENDED",
    traceId: TRACE_ID,
    service: "checkout",
    incarnation: 1,
  });
  expect(answer.groups.map((it) => [it.consumerGroup, it.verdict])).toEqual([
    ["audit", "WAITING"],
    ["billing", "DELIVERED"],
    ["email", "DEAD_LETTERED"],
    ["legacy", "PASSED_UNTRACED"],
    ["warehouse", "DELIVERED"],
  ]);
  const of = (group: string) => answer.groups.find((it) => it.consumerGroup === group);
  expect(of("audit")).toMatchObject({ aheadMessages: "111", flags: ["offline"], committed: "4600" });
  expect(of("email")).toMatchObject({ attempts: 2, failedAttempts: 2, forwardedTo: "orders.dlq/0/2" });
  expect(of("billing")).toMatchObject({ waitedNs: "995000000", workedNs: "5000000" });
  expect(of("billing")?.committedAt).toMatch(/^20.*\.\d{6}Z$/);
  expect(of("legacy")?.why).toBe("the group has committed 4800; no spans name it");
  expect(answer.effects.map((it) => it.msgId).toSorted()).toEqual(["bills/0/10", "orders.dlq/0/2"]);
  expect(answer.causes).toEqual([]);
  expect(answer.completeness).toMatchObject({ offsets: "4800", void: "2", seen: "4798", ratio: 1 });
});

test("what caused a message is the message whose handling sent it", async () => {
  const answer = await query.message({ topic: "bills", partition: 0, messageOffset: "10" });

  expect(answer.found && answer.causes.map((it) => it.msgId)).toEqual(["order-4711"]);
});

test("a trail follows what was handled in another trace, and shows no more of it than this message", async () => {
  const answer = await query.trail(`00-${TRACE_ID}-00f067aa0ba902b7-01`);

  expect(answer.found && answer.traceIds).toEqual([TRACE_ID, "0af7651916cd43dd8448eb211c80319c"]);
  expect(
    answer.found && answer.hops.map((hop) => `${hop.service} ${hop.operation} ${hop.msgId} ${hop.status}`),
  ).toEqual([
    "checkout send order-4711 ok",
    "billing process order-4711 ok",
    "billing send bills/0/10 ok",
    "email process order-4711 error",
    "email process order-4711 error",
    "email send orders.dlq/0/2 ok",
    "warehouse process order-4711 ok",
  ]);
});

test("the trail from the batch's side is the whole batch, and what caused it", async () => {
  const answer = await query.trail("0af7651916cd43dd8448eb211c80319c");

  expect(answer.found && answer.hops.filter((hop) => hop.service === "warehouse")).toHaveLength(20);
  expect(answer.found && answer.traceIds).toContain(TRACE_ID);
});

test.each([
  ["a trace id", TRACE_ID, "trail"],
  ["a trace id as a uuid", "4BF92F35-77b3-4da6-a3ce-929d0e0e4736", "trail"],
  ["a traceparent", `00-${TRACE_ID}-00f067aa0ba902b7-01`, "trail"],
  ["a creation context", `${TRACE_ID}:0000000000000001`, "trail"],
  ["coordinates", "orders/3/4711", "message"],
  ["a message id", "order-4711", "matches"],
  ["a key", "customer-7", "matches"],
  ["a Jaeger URL", `http://jaeger:16686/trace/${TRACE_ID}?uiFind=x`, "trail"],
  ["our own URL", "http://127.0.0.1:8712/messages/orders/3/4711?tab=raw", "message"],
  ["an encoded URL", "https://x.example/search?q=orders%2F3%2F4711", "message"],
  ["a log line", `level=warn msg="gave up" traceparent=00-${TRACE_ID}-00f067aa0ba902b7-01`, "trail"],
  ["a Spring Kafka log line", "Backoff exhausted for orders-3@4711; nested exception is", "message"],
  [
    "a Java record",
    "ConsumerRecord(topic = orders, partition = 3, leaderEpoch = 0, offset = 4711, CreateTime = 1, key = null)",
    "message",
  ],
  ["a logfmt line", 'level=error msg="failed" topic=orders partition=3 offset=4711 group=billing', "message"],
  ["a URL's query", "https://kafka-ui/messages?topic=orders&partition=3&offset=4711", "message"],
  ["a JSON record", '{"topic":"orders","partition":3,"offset":"4711","key":"customer-7"}', "message"],
  ["JSON headers", `{"headers":{"traceparent":"00-${TRACE_ID}-00f067aa0ba902b7-01"}}`, "trail"],
  ["Python's message id", "orders.3.4711", "message"],
  ["a JSON body", '[{"order":{"messageId":"order-4711"}}]', "matches"],
])("anything that names the message finds it: %s", async (_, pasted, kind) => {
  const answer = await query.find(pasted);

  expect(answer.kind).toBe(kind);
});

test("what is not found is said as what is known", async () => {
  const trail = await query.find("ffffffffffffffffffffffffffffffff");
  const beyond = await query.message({ topic: "orders", partition: 3, messageOffset: "999999" });

  expect(trail).toMatchObject({
    kind: "not_found",
    notFound: { found: false, reason: "not_in_store", indexerDelayMs: 0 },
  });
  expect(trail.kind === "not_found" && trail.notFound.sentence).toMatch(
    /^Trace f{32} is not in the store, which holds spans from 20.* to 20.* \(indexer behind 0 s\)\.$/,
  );
  expect(beyond).toMatchObject({ found: false, reason: "not_yet" });
  expect(!beyond.found && beyond.sentence).toContain("The log of orders/3 ends at 4800.");
});

test("a trace whose id says that it began before what is held has expired", async () => {
  const bornAt = Date.parse("2024-05-01T00:00:00Z").toString(16).padStart(12, "0");
  const answer = await query.trail(`${bornAt}7abc8def0123456789ab`);

  expect(answer).toMatchObject({ found: false, reason: "expired" });
});

test.each(["", "   ", "x".repeat(30_000)])(
  "what cannot be an id is refused with what is accepted (%#)",
  (text) => {
    expect(() => parseId(text)).toThrow(/Expected a trace id \(32 hex characters or a uuid\)/);
  },
);

test("offsets beyond Kafka's own are refused before Postgres is asked", async () => {
  const asked = query.message({ topic: "orders", partition: 3, messageOffset: "99999999999999999999" });

  await expect(asked).rejects.toMatchObject({ code: "TRAIL_BAD_QUESTION" });
});

test("a database that is not there is a fault, never an answer", async () => {
  const nowhere = createQuery({ databaseUrl: "postgres://nobody@127.0.0.1:1/none" });

  await expect(nowhere.trail(TRACE_ID)).rejects.toMatchObject({ code: "TRAIL_DATABASE" });
  await nowhere.close();
});

test("what is undelivered comes in pages that neither repeat nor leave out", async () => {
  const question = { topic: "orders", consumerGroup: "audit", limit: 150 };
  const first = await query.undelivered(question);
  const second = await query.undelivered({
    ...question,
    after: first.next ?? { partition: 0, messageOffset: "0" },
  });

  const offsets = [...first.messages, ...second.messages].map((it) => Number(it.messageOffset));
  expect(offsets).toEqual(
    Array.from({ length: 200 }, (_, i) => 4600 + i).filter((it) => it < 4790 || it > 4791),
  );
  expect(second.next).toBeNull();
  const told = new Set(first.messages.map((it) => `${it.verdict}: ${it.why}`));
  expect(told).toEqual(new Set(["WAITING: the group has committed 4600"]));
});

test("what a group passed without a trace is not listed as undelivered", async () => {
  const legacy = await query.undelivered({ topic: "orders", consumerGroup: "legacy" });
  const billing = await query.undelivered({ topic: "orders", consumerGroup: "billing" });

  expect(legacy.messages).toEqual([]);
  expect(billing.messages).toEqual([]);
});

test("coverage counts void offsets neither as seen nor as missing", async () => {
  const { rows } = await query.coverage("orders");

  const of = (group: string | null) => rows.find((it) => it.partition === 3 && it.consumerGroup === group);
  expect(of(null)).toMatchObject({ offsets: "4800", void: "2", seen: "4798", unaccounted: "0", ratio: 1 });
  expect(of("billing")).toMatchObject({ offsets: "4800", void: "2", seen: "4797", unaccounted: "1" });
  expect(of("legacy")).toMatchObject({ seen: "0", unaccounted: "4798", ratio: 0 });
});

test("groups are told with their lag, members and state", async () => {
  const { rows } = await query.groups({ topic: "orders", consumerGroup: "audit" });

  expect(rows).toMatchObject([
    { partition: 3, state: "Empty", members: 0, committed: "4600", logEnd: "4800", lagMessages: "198" },
  ]);
});

test("the view of hops and the function over gathered spans follow the same rules", async () => {
  const columns =
    "trace_id, service, status, operation, topic, partition, message_offset, consumer_group, span_id, error, start_unix_nano";
  const { rows: viewed } = await database.pool.query(`SELECT ${columns} FROM trail.hops ORDER BY 11, 7, 9`);
  const { rows: gathered } = await database.pool.query(`
    SELECT ${columns} FROM trail_private.hops_of(
      (SELECT array_agg(s) FROM trail_private.spans s), (SELECT array_agg(r) FROM trail_private.offset_ranges r)) ORDER BY 11, 7, 9`);

  expect(viewed).toEqual(gathered);
  expect(viewed).toHaveLength(26);
});

test("the indexer's delay is counted from the last look at which it had stored everything", async () => {
  const story = await storyDatabase();
  await story.pool.query(`
    INSERT INTO trail_private.topics (topic_id, name) VALUES (9, 'otlp_spans');
    INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
      VALUES (9, 1, 0, 0, 500, 0, now() - interval '1 hour', now() - interval '5 s');
    INSERT INTO trail_private.log_position_changes (observed_at, log_start, log_end, topic_id, incarnation, partition)
      VALUES (now() - interval '60 s', 0, 400, 9, 1, 0), (now() - interval '30 s', 0, 450, 9, 1, 0), (now() - interval '5 s', 0, 500, 9, 1, 0);
    INSERT INTO trail_private.source_offsets (cluster_id, topic, partition, incarnation, next_offset, log_start)
      VALUES ('c', 'otlp_spans', 0, 1, 420, 0)`);
  const delay = async () => {
    const { rows } = await story.pool.query<{ s: number }>(
      "SELECT round(extract(epoch FROM indexer_delay))::int AS s FROM trail.freshness()",
    );
    return rows[0]?.s ?? -1;
  };

  const behind = await delay();
  await story.pool.query("UPDATE trail_private.source_offsets SET next_offset = 500");
  const caughtUp = await delay();
  await story.drop();

  expect(behind).toBeGreaterThanOrEqual(30);
  expect(behind).toBeLessThan(45);
  expect(caughtUp).toBeLessThan(10);
});
