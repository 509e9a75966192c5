import { Operation } from "../trace-store/span/vocabulary.ts";
import { decodeTraces } from "../trace-store/ingest/decode.ts";
import { aSpan, encodeTraces, Kind, type Attributes, type TestSpan } from "./support/otlp.ts";
import { capturedRun } from "./support/peer-runs.ts";
import { inShort, peerRows } from "./support/peers.ts";

const place = (row: {
  topic: string | null;
  partition: number | null;
  messageOffset: bigint | number | null;
}) => `${row.topic}/${row.partition}/${row.messageOffset}`;

test.each([
  { peer: "java-plain", spans: 811, unseen: ["orders-java/2/56 inventory-java"] },
  { peer: "go-kotel", spans: 728, unseen: [] },
] as const)(
  "$peer, a real capture: every message has its place, key and trace, and every group its spans",
  ({ peer, spans, unseen }) => {
    const { bodies, truth } = capturedRun(peer);
    const rows = bodies.flatMap((body) => decodeTraces(body).rows);
    const sent = new Map(
      rows.filter((row) => row.operation === Operation.send).map((row) => [place(row), row]),
    );
    const handled = new Set(rows.map((row) => `${place(row)} ${row.consumerGroup}`));
    const missing: string[] = [];

    expect(rows).toHaveLength(spans);
    for (const { topic, partition, offset, key, headers, groups } of truth.messages) {
      const at = `${topic}/${partition}/${offset}`;
      const traceId = headers.findLast(([name]) => name === "traceparent")?.[1].split("-")[1];
      expect(sent.get(at)).toMatchObject({ messageKey: key, traceId });
      for (const [group, { outcome }] of Object.entries(groups)) {
        if (outcome !== "never_consumed" && !handled.has(`${at} ${group}`)) missing.push(`${at} ${group}`);
      }
    }
    expect(missing).toEqual(unseen);
  },
);

test("go-kotel tells a failure, and its receive and process spans are told apart", () => {
  const rows = capturedRun("go-kotel").bodies.flatMap((body) => decodeTraces(body).rows);
  const failed = rows.filter((row) => row.status === 2);
  const billing = rows.filter((row) => row.consumerGroup === "billing-go");

  expect(failed.length).toBeGreaterThan(0);
  expect(
    failed.every((row) => row.operation === Operation.process && row.consumerGroup === "billing-go"),
  ).toBe(true);
  expect(billing.filter((row) => row.operation === Operation.receive)).toHaveLength(billing.length / 2);
});

test("java agent with receive telemetry: the process span names its message and links to the send", () => {
  expect(peerRows("java-links").map(inShort)).toEqual([
    "java-checkout send orders/2/7 - order-7 - unset",
    "java-checkout send orders/2/8 - order-8 - unset",
    "java-billing receive orders/-/- billing - - unset",
    "java-billing process orders/2/7 billing order-7 - unset links:1",
    "java-billing process orders/2/8 billing order-8 - unset links:1",
  ]);
});

test("java agent, batches: places on the links become ranges", () => {
  expect(peerRows("java-batch-links").map(inShort)).toEqual([
    "java-billing process orders/-/- billing - - unset links:3 " +
      "processed:orders/0/11-11 processed:orders/0/12-12 processed:orders/1/5-5",
  ]);
});

test("java agent with the new names", () => {
  expect(peerRows("java-stable").map(inShort)).toEqual([
    "java-checkout send orders/1/41 - order-41 - unset",
    "java-inventory process orders/1/41 inventory order-41 - unset links:1",
  ]);
});

test("python confluent-kafka: the offset is in the message id, which is no id; consume() has links and no place", () => {
  expect(peerRows("python-confluent").map(inShort)).toEqual([
    "py-checkout send orders.eu/-/- - - - unset",
    "py-checkout send orders.eu/-/- - - - unset",
    "py-checkout send orders.eu/-/- - - - unset",
    "py-billing none -/-/- - - - unset",
    "py-billing process orders.eu/2/3 - - - unset links:1",
    "py-audit none -/-/- - - - unset",
    "py-audit process orders.eu/-/- - - - unset links:3",
  ]);
});

test("kafka-python says what it did in the span's name only, and no offset", () => {
  expect(peerRows("python-kafka-python").map(inShort)).toEqual([
    "py-checkout send orders/2/- - - - unset",
    "py-billing receive orders/2/- - - - unset",
  ]);
});

test("aiokafka: three levels under one name, of which the innermost has a message", () => {
  expect(peerRows("python-aiokafka").map(inShort)).toEqual([
    "py-checkout send orders/0/- - order-6 - unset",
    "py-checkout send orders/0/- - order-7 - unset",
    "py-billing receive -/-/- billing - - unset",
    "py-billing receive orders/0/- billing - - unset links:2",
    "py-billing receive orders/0/6 billing order-6 - unset",
    "py-billing receive orders/0/7 billing order-7 - unset",
  ]);
});

test("OpenTelemetry's kafkajs: offsets are strings, a batch is polled by a client, failures have an error type", () => {
  expect(peerRows("node-kafkajs").map(inShort)).toEqual([
    "node-checkout none -/-/- - - - ok",
    "node-checkout send orders/2/- - order-9 - unset",
    "node-checkout send orders/2/- - order-10 - unset",
    "node-billing process orders/2/9 - order-9 - error",
    "node-inventory receive orders/2/- - - - unset",
    "node-inventory process orders/2/9 - order-9 - unset links:1 handed:orders/2/9-9",
    "node-inventory process orders/2/10 - order-10 - unset links:1 handed:orders/2/10-10",
  ]);
});

test(".NET in three generations; librdkafka's offset -1001 is no offset", () => {
  expect(peerRows("dotnet-confluent").map(inShort)).toEqual([
    "net-checkout send orders/-/- - order-1 - unset",
    "net-checkout send orders/0/2 - order-2 - unset",
    "net-checkout send orders/-/- - - - error",
    "net-billing receive orders/0/1 billing order-1 - unset links:1",
    "net-billing process orders/0/2 billing order-2 - unset links:1",
    "net-billing receive orders/0/3 billing - - unset links:1",
  ]);
});

const kafka = { "messaging.system": "kafka" };
const shortOf = (span: Partial<TestSpan> & { attributes: Attributes }): string[] =>
  decodeTraces(encodeTraces([aSpan({ service: "app", ...span })])).rows.map(inShort);
const operation = (name: string, type?: string): Attributes => ({
  ...kafka,
  "messaging.operation.name": name,
  ...(type !== undefined && { "messaging.operation.type": type }),
});

test("kafka-trail: a batch's spans carry their evidence as ranges", () => {
  const sent = { ...operation("send", "send"), "kafka_trail.offsets": ["orders/0/5-9", "stock/1/2-2"] };
  const processed = {
    ...operation("process", "process"),
    "messaging.destination.name": "orders",
    "messaging.consumer.group.name": "billing",
    "kafka_trail.offsets": ["orders/0/5-6"],
    "kafka_trail.offsets.failed": ["orders/0/7-7"],
    "kafka_trail.offsets.not_reached": ["orders/0/8-9"],
    "kafka_trail.offsets.void": ["orders/0/10-10"],
  };

  expect(shortOf({ kind: Kind.client, attributes: sent })).toEqual([
    "app send -/-/- - - - unset sent:orders/0/5-9 sent:stock/1/2-2",
  ]);
  expect(shortOf({ kind: Kind.consumer, attributes: processed })).toEqual([
    "app process orders/-/- billing - - unset " +
      "processed:orders/0/5-6 failed:orders/0/7-7 notReached:orders/0/8-9 void:orders/0/10-10",
  ]);
});

test("kafka-trail: commits, transactions, sessions and work in progress each say what they are evidence of", () => {
  const offsets = { "kafka_trail.offsets": ["orders/0/5-9"] };
  const client = { kind: Kind.client, name: "commit" };
  const of = (attributes: Attributes, span: Partial<TestSpan> = client): string =>
    shortOf({ ...span, attributes: { ...attributes, ...offsets } })[0]?.replace("app ", "") ?? "";

  expect(of(operation("commit", "settle"))).toBe("settle -/-/- - - - unset committed:orders/0/5-9");
  expect(of(operation("send_offsets", "settle"))).toBe("settle -/-/- - - - unset committed:orders/0/5-9");
  expect(of(operation("commit_transaction", "settle"))).toContain("transactionCommitted:orders/0/5-9");
  expect(of(operation("abort_transaction", "settle"))).toContain("aborted:orders/0/5-9");
  expect(of({ ...operation("commit", "settle"), "error.type": "TIMEOUT" })).toBe("settle -/-/- - - - error");
  expect(of({ ...operation("session"), "kafka_trail.offsets.skipped": ["orders/0/10-12"] })).toBe(
    "session -/-/- - - - unset held:orders/0/5-9 skipped:orders/0/10-12",
  );
  expect(of({ ...operation("process", "process"), "kafka_trail.in_progress": true })).toBe(
    "inProgress -/-/- - - - unset received:orders/0/5-9",
  );
});

test("kafka-trail: a forwarded copy names its origin, an attempt its number, a gap its length", () => {
  const attributes = {
    ...operation("process", "process"),
    "messaging.destination.name": "orders.dlq",
    "messaging.destination.partition.id": "0",
    "messaging.kafka.offset": 3,
    "messaging.message.id": "order-17",
    "kafka_trail.origin": "orders/3/4711",
    "kafka_trail.attempt": 2,
    "kafka_trail.void_before": 4,
  };

  const [row] = decodeTraces(encodeTraces([aSpan({ service: "app", kind: Kind.consumer, attributes })])).rows;

  expect(row).toMatchObject({ attempt: 2, voidBefore: 4, messageId: "order-17" });
  expect(row && inShort(row)).toBe("app process orders.dlq/0/3 - - order-17 unset origin:orders/3/4711-4711");
});

test("kafka-trail: coordinates that the client itself calls uncertain are not taken for the truth", () => {
  const at = { "messaging.destination.partition.id": "3", "messaging.kafka.offset": 4711 };
  const attributes = { ...operation("send", "send"), ...at, "messaging.destination.name": "orders" };

  expect(shortOf({ attributes })).toEqual(["app send orders/3/4711 - - - unset"]);
  expect(shortOf({ attributes: { ...attributes, "kafka_trail.uncertain": true } })).toEqual([
    "app send orders/3/- - - - unset",
  ]);
});

test("the names of conventions 1.45 mean the same", () => {
  const attributes = {
    "messaging.system.name": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders",
    "messaging.destination.partition.id": "3",
    "messaging.consumer.group.name": "billing",
    "kafka.offset": 4711,
    "kafka.message.key": "order-17",
    "kafka.cluster.id": "east",
  };

  const [row] = decodeTraces(encodeTraces([aSpan({ service: "app", kind: Kind.consumer, attributes })])).rows;

  expect(row && inShort(row)).toBe("app process orders/3/4711 billing order-17 - unset");
  expect(row?.cluster).toBe("east");
});

test("a message id that only looks like coordinates stays an id", () => {
  const at = { ...operation("process", "process"), "messaging.destination.name": "orders" };

  expect(shortOf({ attributes: { ...at, "messaging.message.id": "invoices.1.2" } })).toEqual([
    "app process orders/-/- - - invoices.1.2 unset",
  ]);
  expect(shortOf({ attributes: { ...at, "messaging.message.id": "orders/1/2" } })).toEqual([
    "app process orders/1/2 - - - unset",
  ]);
});

test("spans that are not about Kafka are context: an HTTP server, another broker, a database", () => {
  const rabbit = {
    "messaging.system": "rabbitmq",
    "messaging.operation": "process",
    "messaging.destination.name": "orders",
    "error.type": "Error",
  };

  expect(
    shortOf({ name: "GET /orders", kind: Kind.server, attributes: { "http.route": "/orders" } }),
  ).toEqual(["app none -/-/- - - - unset"]);
  expect(shortOf({ name: "process orders", kind: Kind.consumer, attributes: rabbit })).toEqual([
    "app none -/-/- - - - error",
  ]);
});

test("a destination that is no topic (a list, a URL) names none", () => {
  const at = operation("process", "process");

  expect(shortOf({ attributes: { ...at, "messaging.destination.name": "orders,stock" } })).toEqual([
    "app process -/-/- - - - unset",
  ]);
});

test("a range longer than a row may be is cut into rows; an endless one keeps its newest offsets and says so", () => {
  const attributes = { ...operation("session"), "kafka_trail.offsets": ["orders/0/0-9999"] };
  const endless = {
    ...attributes,
    "kafka_trail.offsets": ["orders/0/0-9223372036854775807", "stock/1/7-7"],
  };

  const [row] = decodeTraces(encodeTraces([aSpan({ attributes })])).rows;
  const [long] = decodeTraces(encodeTraces([aSpan({ attributes: endless })])).rows;

  expect(row?.ranges.map((it) => [it.firstOffset, it.lastOffset])).toEqual([
    [5904n, 9999n],
    [1808n, 5903n],
    [0n, 1807n],
  ]);
  expect(long?.ranges[0]).toMatchObject({ lastOffset: 9223372036854775807n });
  expect(long?.ranges.at(-1)).toMatchObject({ topic: "stock", firstOffset: 7n });
  expect(long?.ranges.length).toBeLessThanOrEqual(4_096);
  expect(String(long?.detail)).toContain("ranges_dropped");
});
