import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { GroupVerdictAnswer, MessageAnswer } from "../trace-store/query/answers.ts";
import { aSpan, encodeTraces, Kind, type Attributes, type TestSpan } from "./support/otlp.ts";
import { PEER_KINDS } from "./support/peer-kinds/kinds.ts";
import { below, linksTo, type PeerKind } from "./support/peer-kinds/shop.ts";
import { openPeerStore, type PeerStore } from "./support/peer-store.ts";

// One message that was handled several times, or of which spans tell less than they seem to.

let store: PeerStore;
beforeAll(async () => {
  store = await openPeerStore();
});
afterAll(() => store.close());

async function answerAbout(topic: string, offset = 0): Promise<MessageAnswer> {
  const answer = await store.query.message({ topic, partition: 0, messageOffset: String(offset) });
  if (!answer.found) throw new Error(`${topic}/0/${offset} is not found: ${answer.sentence}`);
  return answer;
}

const short = ({ consumerGroup, verdict }: GroupVerdictAnswer): string =>
  `${consumerGroup ?? "-"} ${verdict}`;

/** A message that `handle`, called again and again, saw so often, with or without luck. */
async function handledAgain(name: string, topic: string, fates: readonly boolean[]): Promise<MessageAnswer> {
  const kind = PEER_KINDS[name] as PeerKind;
  const message = { topic, partition: 0, offset: 0, key: "again" };
  const sent = aSpan({ ...kind.send(message), service: "checkout" });
  const handled = fates.flatMap((isFailed, i) => {
    const startNs = sent.startNs + BigInt(i + 1) * 1_000_000n;
    const { spans } = kind.handle([{ message, sent, isFailed }], { group: "billing", service: "billing" });
    return spans.map((span) => aSpan({ ...span, scope: kind.scope, service: "billing", startNs }));
  });
  await store.take([encodeTraces([sent, ...handled])]);
  return answerAbout(topic);
}

test("confluent-kafka after a seek: three handlings of one message, all in traces of their own, are its three attempts", async () => {
  const { groups, message } = await handledAgain("python-confluent-poll", "orders-sought", [
    false,
    false,
    false,
  ]);

  expect(groups).toMatchObject([
    { consumerGroup: null, verdict: "PROCESSED", attempts: 3, flags: ["duplicated"] },
  ]);
  expect(message.service).toBe("checkout");
});

test("kafkajs's eachBatch marks every message of a batch alike: what became of one of them is not told", async () => {
  const threw = await handledAgain("node-kafkajs-batch", "orders-batch-threw", [true]);
  const again = await handledAgain("node-kafkajs-batch", "orders-batch-again", [true, false]);

  expect(threw.groups).toMatchObject([
    { consumerGroup: null, verdict: "UNKNOWN", attempts: 0, failedAttempts: 0 },
  ]);
  expect(again.groups).toMatchObject([{ consumerGroup: null, verdict: "UNKNOWN", flags: [] }]);
  expect(again.groups[0]?.why).toBe(
    "service billing was handed the message with others 2 time(s); its spans of a batch are all alike, " +
      "and do not tell what became of this one; 1 of the batches failed",
  );
});

test("a dead letter that no span ties to a message puts only the last handling of its key by its sender in doubt", async () => {
  const kind = PEER_KINDS["python-aiokafka"] as PeerKind;
  const topic = "orders-loose";
  const startNs = BigInt(Date.now() - 60_000) * 1_000_000n;
  const at = (span: Partial<TestSpan>, service: string, afterMs: bigint): TestSpan =>
    aSpan({ ...span, service, startNs: startNs + afterMs * 1_000_000n });
  const sent = [0, 1, 2].map((offset) => {
    const message = { topic, partition: 0, offset, key: "same" };
    return { message, sent: at(kind.send(message), "checkout", BigInt(offset)), isFailed: false };
  });
  const handled = sent.flatMap((it, i) =>
    ["billing", "inventory"].flatMap((service) =>
      kind
        .handle([it], { group: service, service })
        .spans.map((span) => at(span, service, 100n * BigInt(i + 1))),
    ),
  );
  const letter = kind.send({ topic: `${topic}.dlq`, partition: 0, offset: 0, key: "same" });
  await store.take([encodeTraces([...sent.map((it) => it.sent), ...handled, at(letter, "billing", 250n)])]);

  const of = async (offset: number): Promise<string> =>
    (await answerAbout(topic, offset)).groups.map(short).join();
  expect([await of(0), await of(1), await of(2)]).toEqual([
    "billing PROCESSED,inventory PROCESSED",
    "billing UNKNOWN,inventory PROCESSED",
    "billing PROCESSED,inventory PROCESSED",
  ]);
});

test.each([
  ["T.dlq", true],
  ["T-dlt", true],
  ["T.DLQ", true],
  ["TDLQ", true],
  ["dead-letter-topic-T", true],
  ["error.T.billing", true],
  ["T.parking-lot", true],
  ["T_poison", true],
  ["T-retry-0", false],
  ["T.retries", false],
  ["T.redelivery", false],
  ["T-delayed-5s", false],
])("a send to %s below a handling is what became of the message", async (pattern, isDeadLetter) => {
  const topic = `orders${pattern.replaceAll(/[^a-zA-Z0-9]/g, "")}`;
  const kind = PEER_KINDS["java-stable"] as PeerKind;
  const message = { topic, partition: 0, offset: 0, key: "k" };
  const sent = aSpan({ ...kind.send(message), service: "checkout" });
  const { spans, handling } = kind.handle([{ message, sent, isFailed: true }], {
    group: "billing",
    service: "billing",
  });
  const copy = { ...message, topic: pattern.replace("T", topic), offset: 4 };
  const forwarded = { ...kind.send(copy), ...below(handling[0] as TestSpan), service: "billing" };

  await store.take([
    encodeTraces([sent, ...spans.map((span) => aSpan({ ...span, service: "billing" })), aSpan(forwarded)]),
  ]);

  expect((await answerAbout(topic)).groups.map(short)).toEqual([
    isDeadLetter ? "billing DEAD_LETTERED" : "billing FORWARDED",
  ]);
});

/** A message's send; and spans by billing that each name it as `process` or `receive`, after one another. */
function handledIn(topic: string) {
  const at = (operation: string): Attributes => ({
    "messaging.system": "kafka",
    "messaging.destination.name": topic,
    "messaging.destination.partition.id": "0",
    "messaging.kafka.message.offset": 0,
    "messaging.operation": operation,
  });
  const sent = aSpan({
    name: `${topic} publish`,
    kind: Kind.producer,
    attributes: at("publish"),
    service: "checkout",
  });
  let ms = 0n;
  const span = (operation: string, group: string | undefined, more: Partial<TestSpan>): TestSpan => {
    const attributes = {
      ...at(operation),
      ...(group !== undefined && { "messaging.kafka.consumer.group": group }),
    };
    const startNs = sent.startNs + (ms += 2n) * 1_000_000n;
    return aSpan({
      name: `${topic} ${operation}`,
      kind: Kind.consumer,
      attributes,
      service: "billing",
      startNs,
      ...more,
    });
  };
  return { sent, span };
}
const failed = { status: { code: 2 } };

test("of a message received and handled in traces of their own, the handling counts", async () => {
  const { sent, span } = handledIn("orders-two-traces");
  const received = span("receive", "billing", linksTo(sent));
  await store.take([
    encodeTraces([sent, received, span("process", "billing", { ...linksTo(sent), ...failed })]),
  ]);

  const { groups } = await answerAbout("orders-two-traces");

  expect(groups).toMatchObject([{ consumerGroup: "billing", verdict: "RETRYING", attempts: 1 }]);
});

test("a handling that names no group is that of the receive above it", async () => {
  const { sent, span } = handledIn("orders-group-above");
  const received = span("receive", "billing", below(sent));
  await store.take([
    encodeTraces([sent, received, span("process", undefined, { ...below(received), ...failed })]),
  ]);

  const { groups } = await answerAbout("orders-group-above");

  expect(groups).toMatchObject([{ consumerGroup: "billing", verdict: "RETRYING", attempts: 1 }]);
});

test("of two instrumentations' spans of one handling, an outer one that is ok does not hide that the inner one failed", async () => {
  const { sent, span } = handledIn("orders-instrumented-twice");
  const outer = span("process", "billing", below(sent));
  const inner = span("process", "billing", { ...below(outer), ...failed });
  const again = span("process", "billing", { ...below(outer) });
  await store.take([encodeTraces([sent, outer, inner])]);
  const before = await answerAbout("orders-instrumented-twice");
  await store.take([encodeTraces([again])]);
  const after = await answerAbout("orders-instrumented-twice");

  expect(before.groups).toMatchObject([{ verdict: "RETRYING", attempts: 1 }]);
  expect(after.groups).toMatchObject([{ verdict: "PROCESSED", attempts: 2, failedAttempts: 1 }]);
});

test("what failed right below a handling whose own span tells no failure is said, and is no verdict", async () => {
  const { sent, span } = handledIn("orders-failed-below");
  const handled = span("process", "billing", below(sent));
  const charge = { name: "charge card", kind: Kind.internal, attributes: {}, ...failed };
  const deeper = aSpan({ ...charge, name: "POST /charge", service: "billing", startNs: handled.startNs });
  const direct = aSpan({ ...charge, ...below(handled), service: "billing", startNs: handled.startNs });
  await store.take([encodeTraces([sent, handled, direct, { ...deeper, ...below(direct) }])]);

  const { groups } = await answerAbout("orders-failed-below");

  expect(groups).toMatchObject([{ consumerGroup: "billing", verdict: "PROCESSED", failedAttempts: 0 }]);
  expect(groups[0]?.why).toMatch(/; right below it failed: charge card$/);
});
