import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { GroupVerdictAnswer, MessageAnswer } from "../trace-store/query/answers.ts";
import { openHttpDoor } from "./support/doors.ts";
import { encodeTraces, Kind, type Attributes, type TestSpan } from "./support/otlp.ts";
import { PEER_KINDS } from "./support/peer-kinds/kinds.ts";
import { below, linksTo, type PeerKind } from "./support/peer-kinds/shop.ts";
import { by, sentBy } from "./support/peer-kinds/sent.ts";
import { capturedBodies } from "./support/peer-runs.ts";
import { openPeerStore, type PeerStore } from "./support/peer-store.ts";

// Handlings whose spans tell no offset, of messages whose place something else tells.

let store: PeerStore;
beforeAll(async () => {
  store = await openPeerStore();
});
afterAll(() => store.close());

const kindOf = (name: string): PeerKind => PEER_KINDS[name] as PeerKind;
const byPoll = kindOf("python-confluent-poll");
const byConsume = kindOf("python-confluent-consume");
const kafkaPython = kindOf("python-kafkapython");

async function about(topic: string, offset: number, partition = 0): Promise<MessageAnswer> {
  const answer = await store.query.message({ topic, partition, messageOffset: String(offset) });
  if (!answer.found) throw new Error(`${topic}/${partition}/${offset} is not found: ${answer.sentence}`);
  return answer;
}
const short = ({ consumerGroup, verdict, attempts }: GroupVerdictAnswer): string =>
  `${consumerGroup ?? "-"} ${verdict} ${attempts}`;
const shortOf = async (topic: string, offset: number): Promise<string[]> =>
  (await about(topic, offset)).groups.map(short).toSorted();
const hopsOf = async (topic: string, offset: number): Promise<string[]> =>
  (await about(topic, offset)).hops
    .map(({ service, operation, partition, messageOffset }) =>
      [service, operation, `${partition}/${messageOffset}`].join(" "),
    )
    .toSorted();

const take = (...spans: readonly TestSpan[][]): Promise<void> => store.take([encodeTraces(spans.flat())]);
const noGroup = (service: string) => ({ group: "?", service });

test("a real run of confluent-kafka's poll() and consume() and of kafka-python: every service's verdict is what it did", async () => {
  await store.take(capturedBodies("python-mixed"));
  const given: Record<string, string[]> = {};
  for (const offset of [0, 1, 2, 3, 4, 5]) {
    const { groups, hops, message } = await about("orders-real", offset);
    const of = (it: GroupVerdictAnswer) => hops.find(({ spanId }) => spanId === it.spanId)?.service;
    given[offset] = groups.map((it) => `${of(it)} ${it.verdict} ${it.attempts}`).toSorted();
    expect(message.service).toBe("checkout");
  }

  const ok = ["audit PROCESSED 1", "billing PROCESSED 1", "inventory PROCESSED 1"];
  // `shipping` took five in one go, and sent one of them to the dead letters: which, its spans do not tell.
  const maybe = [...ok, "shipping UNKNOWN 1"];
  expect(given).toEqual({
    0: maybe,
    1: maybe,
    2: maybe,
    3: ["audit PROCESSED 1", "billing DEAD_LETTERED 1", "inventory PROCESSED 1", "shipping UNKNOWN 1"],
    4: maybe,
    5: [...ok, "shipping PROCESSED 1"],
  });
});

test("those who took the dead letters of that run were led to the first sender by the old context: not counted there", async () => {
  expect(await hopsOf("orders-real", 3)).toEqual([
    "audit receive 0/3",
    "billing process 0/3",
    "checkout send 0/3",
    "inventory process 0/3",
    "shipping process 0/3",
  ]);
  expect(await hopsOf("orders-real.dlq", 0)).toEqual(["dlq-poller process 0/0"]);
});

test("the answer says how it was concluded", async () => {
  const { groups } = await about("orders-real", 3);
  const reasons = groups.map(({ why }) => why).toSorted();

  const unnamed = "its spans do not name their group";
  expect(reasons).toEqual([
    `an attempt by service audit was ok; ${unnamed}, so no commit can be told; its span tells no offset, but leads to the sender of this message`,
    `an attempt by service inventory was ok; ${unnamed}, so no commit can be told; its span tells no offset, but links to the senders of several messages, this one's among them`,
    `its dead letter was sent to orders-real.dlq by service billing; ${unnamed}`,
    "service shipping handled several messages in one span, this one among them, and sent to orders-real.dlq from there; which of them, its spans do not tell",
  ]);
});

test("by trace id through HTTP: the trail of a message whose consumers tell no offset", async () => {
  const { traceId } = (await about("orders-real", 3)).message;
  const http = await openHttpDoor(store.query);
  try {
    const response = await fetch(`http://127.0.0.1:${http.port}/api/v1/find?q=${traceId}`);
    const { trail } = (await response.json()) as {
      trail: { hops: { service: string; operation: string }[] };
    };

    const handled = trail.hops.filter(({ operation }) => operation !== "send").map(({ service }) => service);
    expect(new Set(handled)).toEqual(
      new Set(["audit", "billing", "inventory", "shipping", "dlq-poller", "dlq-taker", "dlq-kp"]),
    );
  } finally {
    await http.close();
  }
});

test("behind a sender that tells the place, kafka-python's receive spans need nobody else", async () => {
  const sent = sentBy(kindOf("java-stable"), "orders-java-python", 2);
  const received = (service: string) => by(service, kafkaPython.handle(sent, noGroup(service)).spans);
  await take(
    sent.map((it) => it.sent),
    received("audit"),
    received("ml"),
    received("ml"),
  );

  expect(await shortOf("orders-java-python", 1)).toEqual(["- PROCESSED 1", "- PROCESSED 2"]);
});

test("and the same of spans that came so late that no slice of time was there for them", async () => {
  const lateMs = -40 * 86_400_000;
  const sent = sentBy(byPoll, "orders-late-unplaced", 3, lateMs);
  await take(
    sent.map((it) => it.sent),
    by("billing", byPoll.handle(sent, noGroup("billing")).spans, lateMs + 100),
    by("inventory", byConsume.handle(sent, noGroup("inventory")).spans, lateMs + 100),
    by("audit", kafkaPython.handle(sent, noGroup("audit")).spans, lateMs + 100),
  );

  expect(await hopsOf("orders-late-unplaced", 2)).toEqual([
    "audit receive 0/2",
    "billing process 0/2",
    "checkout send 0/2",
    "inventory process 0/2",
  ]);
});

test("where nothing tells the sender's place, no place is made up", async () => {
  const sent = sentBy(byPoll, "orders-nowhere", 2);
  await take(
    sent.map((it) => it.sent),
    by("inventory", byConsume.handle(sent, noGroup("inventory")).spans),
  );
  const { rows } = await store.database.pool.query("SELECT * FROM trail.verdicts('orders-nowhere', 0, 0)");

  expect(rows).toEqual([]);
});

test("our own consumer's span places another library's send too, and with it who tells no offset", async () => {
  const sent = sentBy(byPoll, "orders-own", 1);
  const own: Attributes = {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders-own",
    "messaging.destination.partition.id": "0",
    "messaging.kafka.offset": 0,
    "messaging.consumer.group.name": "billing",
    "kafka_trail.attempt": 1,
  };
  const spans = sent.map((it) => it.sent);
  await take(
    spans,
    by("billing", [
      { kind: Kind.consumer, name: "process orders-own", attributes: own, ...linksTo(...spans) },
    ]),
    by("inventory", byConsume.handle(sent, noGroup("inventory")).spans),
  );

  expect(await hopsOf("orders-own", 0)).toEqual([
    "billing process 0/0",
    "checkout send 0/0",
    "inventory process 0/0",
  ]);
});

test("a batch that failed failed for each of its messages, and the answer says that it is not told for which", async () => {
  const sent = sentBy(kindOf("java-stable"), "orders-threw", 3);
  const { spans } = byConsume.handle(sent, noGroup("inventory"));
  await take(
    sent.map((it) => it.sent),
    by(
      "inventory",
      spans.map((span) => ({ ...span, status: { code: 2 } })),
    ),
  );
  const { groups } = await about("orders-threw", 1);

  expect(groups).toMatchObject([{ consumerGroup: null, verdict: "RETRYING", failedAttempts: 1 }]);
  expect(groups[0]?.why).toMatch(/links to the senders of several messages, .*not which of them failed$/);
});

test("a batch below its first sender and linked to the others is one of many for the first too", async () => {
  const sent = sentBy(kindOf("java-stable"), "orders-below", 3);
  const [first, ...others] = sent.map((it) => it.sent) as [TestSpan, ...TestSpan[]];
  const attributes: Attributes = {
    "messaging.system": "kafka",
    "messaging.operation": "process",
    "messaging.destination.name": "orders-below",
  };
  const [batch] = by("batch", [
    { kind: Kind.consumer, attributes, ...below(first), ...linksTo(...others) },
  ]) as [TestSpan];
  const letter = { topic: "orders-below.dlq", partition: 0, offset: 0, key: "?" };
  await take([first, ...others, batch], by("batch", [{ ...byPoll.send(letter), ...below(batch) }]));

  expect(await shortOf("orders-below", 0)).toEqual(["- UNKNOWN 1"]);
  expect(await shortOf("orders-below", 2)).toEqual(["- UNKNOWN 1"]);
});

test("a batch listener's span that names its group counts with the group's commits", async () => {
  const sent = sentBy(kindOf("java-stable"), "orders-listened", 3);
  const { spans } = byConsume.handle(sent, noGroup("spring"));
  const named = spans.map((span) => ({
    ...span,
    attributes: {
      ...span.attributes,
      "messaging.kafka.consumer.group": "spring",
      "messaging.batch.message_count": 3,
    },
  }));
  await take(
    sent.map((it) => it.sent),
    by("listener", named),
  );
  await store.tellTruth({
    topics: { "orders-listened": { partitions: { 0: { log_start: 0, log_end: 3 } } } },
    groups: { spring: { partitions: { "orders-listened": { 0: { committed: 2 } } } } },
    messages: [],
  });

  expect(await shortOf("orders-listened", 1)).toEqual(["spring DELIVERED 1"]);
  expect(await shortOf("orders-listened", 2)).toEqual(["spring PROCESSED 1"]);
});

test.each([
  ["on another partition", { partition: 1, offset: 0 }],
  ["further on in its partition", { partition: 0, offset: 9 }],
])(
  "a copy %s that somebody put in with the old context: who tells no offset may have taken either",
  async (_, at) => {
    const topic = `orders-again-${at.partition}`;
    const sent = sentBy(kindOf("java-stable"), topic, 1);
    const copies = sent.map((it) => ({ ...it, message: { ...it.message, ...at } }));
    await take(
      sent.map((it) => it.sent),
      by("billing", byPoll.handle(copies, noGroup("billing")).spans),
      by("inventory", byConsume.handle(sent, noGroup("inventory")).spans),
    );

    expect(await hopsOf(topic, 0)).toEqual(["checkout send 0/0"]);
  },
);

test("of a service that names the message, another span without an offset says nothing more", async () => {
  const sent = sentBy(kindOf("java-stable"), "orders-twice-told", 1);
  await take(
    sent.map((it) => it.sent),
    by("billing", byPoll.handle(sent, noGroup("billing")).spans),
    by("billing", kafkaPython.handle(sent, noGroup("billing")).spans),
  );

  expect(await shortOf("orders-twice-told", 0)).toEqual(["- PROCESSED 1"]);
});

const unplaced = async (): Promise<string[]> => {
  const { rows } = await store.database.pool.query<{ name: string }>(
    "SELECT name FROM trail_private.unplaced_topics JOIN trail_private.topics USING (topic_id) ORDER BY name",
  );
  return rows.map(({ name }) => name);
};

test("only topics with such spans cost a further look: not those of spans that tell ranges, or of a poll alone", async () => {
  const batch: Attributes = {
    "messaging.system": "kafka",
    "messaging.operation.name": "process",
    "messaging.operation.type": "process",
    "messaging.destination.name": "orders-ranged",
    "messaging.batch.message_count": 3,
    "kafka_trail.offsets": ["orders-ranged/0/0-2"],
  };
  const sent = sentBy(kindOf("java-links"), "orders-polled", 2);
  const [sender] = sent.map((it) => it.sent);
  await take(
    by("own", [
      { kind: Kind.consumer, name: "process orders-ranged", attributes: batch, ...below(sender as TestSpan) },
    ]),
    by("java", kindOf("java-links").handle(sent, { group: "java", service: "java" }).spans),
  );
  const { rows } = await store.database.pool.query("SELECT FROM trail.message('orders-ranged', 0, 1)");
  const flagged = await unplaced();

  expect(rows).toHaveLength(1);
  expect(flagged).toContain("orders-real");
  expect(flagged).not.toContain("orders-ranged");
  expect(flagged).not.toContain("orders-polled");
});
