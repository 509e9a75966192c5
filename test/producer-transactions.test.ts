import { SpanKind, SpanStatusCode } from "@opentelemetry/api";
import type { Producer, Transaction } from "kafkajs";
import { FakeKafka } from "./support/fake-kafka.ts";
import {
  closeProducers,
  messagesIn,
  openTracedProducer,
  committedOffset,
  tracedProducer,
} from "./support/producers.ts";
import { named } from "./support/spans.ts";
import { createTopic, uniqueTopicName } from "./support/topics.ts";

afterEach(closeProducers);

async function transactional() {
  const transactionalId = uniqueTopicName("tx");
  const config = { transactionalId, maxInFlightRequests: 1 };
  return { transactionalId, ...(await openTracedProducer({ config })) };
}

const values = (...all: string[]) => all.map((value) => ({ value, partition: 0 }));

test("a committed transaction names the ranges that it settles and links to its sends", async () => {
  const topic = await createTopic("commit");
  const { producer, finished, transactionalId } = await transactional();

  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: values("a") });
  await transaction.sendBatch({ topicMessages: [{ topic, messages: values("b", "c") }] });
  await transaction.commit();

  const [commit] = named(finished(), `commit_transaction ${topic}`);
  expect(commit).toMatchObject({
    kind: SpanKind.CLIENT,
    attributes: {
      "messaging.operation.name": "commit_transaction",
      "messaging.operation.type": "settle",
      "kafka_trail.transactional_id": transactionalId,
      "kafka_trail.offsets": [`${topic}/0/0-2`],
    },
  });
  const sends = named(finished(), `send ${topic}`).map((it) => it.spanContext().spanId);
  expect(commit?.links.map((link) => link.context.spanId)).toEqual(sends);
  expect([...(await messagesIn(topic)).keys()]).toEqual([0, 1, 2].map((offset) => `${topic}/0/${offset}`));
});

test("an aborted transaction names the ranges that nobody will see", async () => {
  const topic = await createTopic("abort");
  const { producer, finished } = await transactional();
  const first = await producer.transaction();
  await first.send({ topic, messages: values("kept") });
  await first.commit();

  const second = await producer.transaction();
  await second.send({ topic, messages: values("gone", "gone too") });
  await second.abort();

  // Offset 1 is the marker of the commit.
  const [abort] = named(finished(), `abort_transaction ${topic}`);
  expect(abort?.attributes["kafka_trail.offsets"]).toEqual([`${topic}/0/2-3`]);
  expect(abort?.status.code).toBe(SpanStatusCode.UNSET);
});

test("offsets sent along with a transaction are a settle span with group and positions", async () => {
  const topic = await createTopic("offsets");
  const { producer, finished } = await transactional();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: values("a") });

  await transaction.sendOffsets({
    consumerGroupId: "billing",
    topics: [{ topic, partitions: [{ partition: 0, offset: "1" }] }],
  });
  await transaction.commit();

  expect(named(finished(), `send_offsets ${topic}`)[0]?.attributes).toMatchObject({
    "messaging.operation.type": "settle",
    "messaging.consumer.group.name": "billing",
    "kafka_trail.offsets": [`${topic}/0/0-0`],
  });
  expect(await committedOffset("billing", topic)).toBe("1");
});

test("a transaction used after its end fails as without tracing, and says so on a span", async () => {
  const topic = await createTopic("ended");
  const { producer, plain, finished } = await transactional();
  const ended = await producer.transaction();
  await ended.send({ topic, messages: values("a") });
  await ended.commit();
  expect(ended.isActive()).toBe(false);

  const traced = await ended.commit().catch((error: Error) => error.message);
  const other = await plain.transaction();
  await other.abort();
  const untraced = await other.abort().catch((error: Error) => error.message);

  expect(traced).toBe(untraced);
  expect(finished().at(-1)).toMatchObject({ status: { code: SpanStatusCode.ERROR } });
});

test("many scattered ranges of one transaction are told by several spans, none is left out", async () => {
  const { producer, finished } = tracedProducer({ kafka: new FakeKafka({ partitions: 1 }), config: {} });
  const transaction = await producer.transaction();
  for (let i = 0; i < 1_100; i++) {
    await transaction.send({ topic: "t", messages: [{ value: "in" }] });
    await producer.send({ topic: "t", messages: [{ value: "between" }] });
  }

  await transaction.commit();

  const commits = named(finished(), "commit_transaction t");
  const ranges = commits.flatMap((it) => it.attributes["kafka_trail.offsets"] as string[]);
  expect(commits).toHaveLength(2);
  expect(new Set(ranges).size).toBe(1_100);
  expect(commits.flatMap((it) => it.links)).toHaveLength(128);
});

/** Confluent's producer in outline: a class with private fields, whose transaction is itself, and which may split a send. */
class LikeConfluent {
  readonly #sent: unknown[] = [];
  get sent() {
    return this.#sent;
  }
  async send({ topic, messages }: { topic: string; messages: { partition?: number }[] }) {
    this.#sent.push(...messages);
    return [{ topicName: topic, partition: messages[0]?.partition ?? 0, errorCode: 0, baseOffset: "7" }];
  }
  async sendBatch({ topicMessages }: { topicMessages: { topic: string; messages: object[] }[] }) {
    return (await Promise.all(topicMessages.map((it) => this.send(it)))).flat();
  }
  async transaction() {
    return this;
  }
  async commit() {
    this.#sent.length = 0;
  }
  async abort() {
    this.#sent.length = 0;
  }
}

test("a client of a class is wrapped: its own calls stay its own, and one message's offset is exact", async () => {
  const client = new LikeConfluent();
  const { producer, finished } = tracedProducer({ wrap: () => client as never, isRecorded: false });

  await producer.sendBatch({ topicMessages: [{ topic: "t", messages: [{ value: "a" }] }] });
  await producer.send({ topic: "t", messages: [{ value: "b" }] });
  await producer.send({ topic: "t", messages: values("c", "d") });

  expect(producer).toBeInstanceOf(LikeConfluent);
  expect(client.sent).toHaveLength(4);
  expect(
    finished()
      .filter(({ name }) => name === "send t")
      .map(({ attributes }) => attributes["messaging.kafka.offset"]),
  ).toEqual([undefined, 7, undefined]);
  // A send may be split into record batches there, so that a rank says nothing.
  expect(finished().at(-1)?.attributes["kafka_trail.offsets"]).toEqual([]);
  expect(named(finished(), "create t")[0]?.attributes["messaging.kafka.offset"]).toBe(7);
});

test("a client that is its own transaction is traced through it", async () => {
  const { producer, finished } = tracedProducer({
    wrap: () => new LikeConfluent() as never,
    isRecorded: false,
  });

  const transaction = (await producer.transaction()) as Transaction & Producer;
  await transaction.send({ topic: "t", messages: [{ value: "a" }] });
  await transaction.commit();

  expect(transaction).toBe(producer);
  expect(named(finished(), "commit_transaction t")[0]?.attributes["kafka_trail.offsets"]).toEqual([
    "t/0/7-7",
  ]);
});
