import type { Consumer, ConsumerRunConfig, Producer } from "kafkajs";
import { waitUntil } from "../dev/wait.ts";
import { currentMessage, forwardHeaders, traceKafka, traceMessage } from "../index.ts";
import { findConfluent, confluentKafka, type Confluent } from "./support/confluent.ts";
import { committedOffset, messagesIn } from "./support/producers.ts";
import { followContext, named, traceparent, tracing } from "./support/spans.ts";
import { createTopic } from "./support/topics.ts";

jest.setTimeout(120_000);

const confluent = findConfluent();
const whereItIsInstalled = confluent === undefined ? describe.skip : describe;

whereItIsInstalled(
  confluent === undefined
    ? "@confluentinc/kafka-javascript (not installed: see CONTRIBUTING)"
    : "@confluentinc/kafka-javascript",
  () => {
    const open: { disconnect(): Promise<void> }[] = [];

    beforeAll(followContext);
    afterEach(async () => void (await Promise.all(open.splice(0).map((client) => client.disconnect()))));

    function traced() {
      const observed = tracing();
      const kafka = traceKafka(confluentKafka(confluent as Confluent), observed.options);
      return { ...observed, kafka };
    }

    async function openProducer(config?: object) {
      const { kafka, ...observed } = traced();
      const producer: Producer = kafka.producer(config);
      open.push(producer);
      await producer.connect();
      return { ...observed, producer };
    }

    /** Runs a traced consumer from the beginning until `isDone`, and disconnects it. */
    async function consume(
      topic: string,
      run: (consumer: Consumer) => ConsumerRunConfig,
      isDone: () => boolean,
      config: object = {},
    ) {
      const { kafka, ...observed } = traced();
      const consumer: Consumer = kafka.consumer({
        kafkaJS: { groupId: `g-${topic}`, fromBeginning: true, ...config },
      });
      await consumer.connect();
      try {
        await consumer.subscribe({ topic });
        await consumer.run(run(consumer));
        await waitUntil(`Messages of ${topic}`, isDone, { timeoutMs: 60_000 });
      } finally {
        await consumer.disconnect();
      }
      return observed;
    }

    async function produce(topic: string, count: number) {
      const { producer, finished } = await openProducer();
      const messages = Array.from({ length: count }, (_, i) => ({
        key: `k${i}`,
        value: `v${i}`,
        partition: 0,
      }));
      for (const message of messages) await producer.send({ topic, messages: [message] });
      return named(finished(), `send ${topic}`);
    }

    test("a send of one message has the place that the log has, and the message carries its span", async () => {
      const topic = await createTopic("confluent", 3);
      const { producer, finished } = await openProducer();

      const keys = ["a", "b", "c", "d", "e"];
      await Promise.all(keys.map((key) => producer.send({ topic, messages: [{ key, value: key }] })));

      const sent = named(finished(), `send ${topic}`);
      const log = await messagesIn(topic);
      expect(sent).toHaveLength(keys.length);
      for (const span of sent) {
        const at = ["partition.id", ""].map((it) => span.attributes[`messaging.destination.${it}`])[0];
        const message = log.get(
          `${topic}/${String(at)}/${String(span.attributes["messaging.kafka.offset"])}`,
        );
        expect(message?.headers?.["traceparent"]?.toString()).toBe(traceparent(span));
        expect(message?.key?.toString()).toBe(span.attributes["messaging.kafka.message.key"]);
      }
    });

    test("send of many and sendBatch: every message has a context of its own, and no place is guessed", async () => {
      const topic = await createTopic("confluent", 2);
      const { producer, finished } = await openProducer();
      const some = (count: number) => Array.from({ length: count }, (_, i) => ({ value: `v${i}` }));

      await producer.send({ topic, messages: some(20) });
      await producer.sendBatch({
        topicMessages: [
          { topic, messages: some(2) },
          { topic, messages: some(1) },
        ],
      });

      const log = [...(await messagesIn(topic)).values()];
      const contexts = log.map(({ headers }) => headers?.["traceparent"]?.toString());
      expect(log).toHaveLength(23);
      expect(new Set(contexts).size).toBe(23);
      const created = named(finished(), `create ${topic}`).map(traceparent);
      expect(created).toHaveLength(13);
      expect(contexts).toEqual(expect.arrayContaining(created));
      // librdkafka may cut a send into several record batches, so a rank says nothing.
      expect(
        named(finished(), `create ${topic}`).map((it) => it.attributes["messaging.kafka.offset"]),
      ).toEqual(Array.from({ length: 13 }, () => undefined));
      const sends = named(finished(), `send ${topic}`);
      expect(sends.map((it) => it.attributes["messaging.batch.message_count"])).toEqual([20, 3]);
    });

    test("messages stay as the app made them, so that they can be sent again; the bare client refuses that", async () => {
      const topic = await createTopic("confluent");
      const { producer } = await openProducer();
      const message = () => ({ key: "k", value: "v", headers: { tenant: "acme", list: ["a", "b"] } });
      const again = message();

      await producer.send({ topic, messages: [again] });
      expect(again).toEqual(message());
      await producer.send({ topic, messages: [again] });
      await producer.send({ topic, messages: [Object.freeze(message())] });

      const log = [...(await messagesIn(topic)).values()];
      expect(log.map(({ headers }) => [headers?.["tenant"]?.toString(), String(headers?.["list"])])).toEqual(
        Array.from({ length: 3 }, () => ["acme", "a,b"]),
      );
    });

    test("what the client refuses it refuses with its own error", async () => {
      const topic = await createTopic("confluent");
      const { producer, finished } = await openProducer();

      const refused = producer.send({ topic, messages: [{ value: "v" }], acks: 1 });

      await expect(refused).rejects.toThrow("'acks' is not supported as a property to 'send'");
      await expect(producer.send({ topic } as never)).rejects.toThrow(TypeError);
      expect(named(finished(), `send ${topic}`).map(({ status }) => status.code)).toEqual([2]);
    });

    test("transactions: commit and abort name what they settle", async () => {
      const topic = await createTopic("confluent");
      const { producer, finished } = await openProducer({
        kafkaJS: { transactionalId: `tx-${topic}`, idempotent: true },
      });

      const first = await producer.transaction();
      await first.send({ topic, messages: [{ value: "kept" }] });
      await first.commit();
      const second = await producer.transaction();
      await second.send({ topic, messages: [{ value: "gone" }] });
      await second.abort();

      // 0 kept, 1 marker, 2 gone.
      const settled = finished().filter(({ name }) => /_transaction/.test(name));
      expect(settled.map(({ name, attributes }) => [name, attributes["kafka_trail.offsets"]])).toEqual([
        [`commit_transaction ${topic}`, [`${topic}/0/0-0`]],
        [`abort_transaction ${topic}`, [`${topic}/0/2-2`]],
      ]);
      const sent = named(finished(), `send ${topic}`);
      expect(sent.map((it) => it.attributes["messaging.kafka.offset"])).toEqual([0, 2]);
    });

    test("sendOffsets in a transaction names the group of the traced consumer it is handed, and commits", async () => {
      const topic = await createTopic("confluent");
      await produce(topic, 3);
      const { producer, finished } = await openProducer({
        kafkaJS: { transactionalId: `tx-${topic}`, idempotent: true },
      });
      const refused = { consumerGroupId: `g-${topic}`, topics: [{ topic, partitions: [] }] };
      let isCommitted = false;

      await consume(
        topic,
        (consumer) => ({
          eachMessage: async ({ message }) => {
            if (message.offset !== "2") return;
            const transaction = await producer.transaction();
            await expect(transaction.sendOffsets(refused)).rejects.toThrow("without a consumerGroupId");
            const topics = [{ topic, partitions: [{ partition: 0, offset: "3" }] }];
            await transaction.sendOffsets({ consumer, topics } as never);
            await transaction.commit();
            isCommitted = true;
          },
        }),
        () => isCommitted,
        { autoCommit: false },
      );

      const [failed, done] = named(finished(), `send_offsets ${topic}`);
      expect(failed?.status.code).toBe(2);
      expect(done?.attributes).toMatchObject({
        "messaging.operation.type": "settle",
        "messaging.consumer.group.name": `g-${topic}`,
        "kafka_trail.offsets": [`${topic}/0/2-2`],
      });
      expect(await committedOffset(`g-${topic}`, topic)).toBe("3");
    });

    test("eachMessage: a process span is the child of the send, and knows the message's place", async () => {
      const topic = await createTopic("confluent");
      const sent = await produce(topic, 3);
      const seen: (string | undefined)[] = [];

      const { finished } = await consume(
        topic,
        () => ({
          eachMessage: async ({ message }) => {
            await Promise.resolve();
            expect(String(currentMessage()?.messageOffset)).toBe(message.offset);
            seen.push(forwardHeaders(message)["kafka-trail-origin"]?.toString());
          },
        }),
        () => seen.length >= 3,
      );

      expect(seen).toEqual([0, 1, 2].map((it) => `${topic}/0/${it}`));
      const processed = named(finished(), `process ${topic}`);
      expect(processed.map((it) => it.attributes["messaging.kafka.offset"])).toEqual([0, 1, 2]);
      expect(processed.map((it) => it.parentSpanContext?.spanId)).toEqual(
        sent.map((it) => it.spanContext().spanId),
      );
      expect(processed[0]?.attributes).toMatchObject({ "messaging.consumer.group.name": `g-${topic}` });
      const [session] = named(finished(), `session ${topic}`);
      expect(session?.attributes["kafka_trail.offsets"]).toEqual([`${topic}/0/0-2`]);
    });

    test("a handler that fails is tried again by the client, and the attempts are told apart", async () => {
      const topic = await createTopic("confluent");
      await produce(topic, 1);
      let calls = 0;

      const { finished } = await consume(
        topic,
        () => ({
          eachMessage: async () => {
            if (++calls === 1) throw new Error("not yet");
          },
        }),
        () => calls >= 2,
      );

      const [failed, done] = named(finished(), `process ${topic}`);
      expect([failed, done].map((it) => it?.attributes["kafka_trail.attempt"])).toEqual([1, 2]);
      expect(failed?.status).toMatchObject({ code: 2, message: "not yet" });
      expect(done?.links.map(({ context }) => context.spanId)).toContain(failed?.spanContext().spanId);
    });

    test("eachBatch: ranges by outcome, a span a message by traceMessage, and a commit that the app asked for", async () => {
      const topic = await createTopic("confluent");
      const sent = await produce(topic, 4);
      let handled = 0;
      let isCommitted = false;

      const { finished } = await consume(
        topic,
        (consumer) => ({
          eachBatch: async (payload) => {
            const { batch } = payload;
            for (const message of batch.messages) {
              if (message.offset === "1") await traceMessage(payload, message, async () => null);
              payload.resolveOffset(message.offset);
              handled++;
            }
            if (handled < 4) return;
            await consumer.commitOffsets([{ topic, partition: 0, offset: "4" }]);
            isCommitted = true;
          },
        }),
        () => isCommitted,
        { autoCommit: false },
      );

      const spans = named(finished(), `process ${topic}`);
      const ranges = spans.flatMap(
        (it) => (it.attributes["kafka_trail.offsets"] as string[] | undefined) ?? [],
      );
      const covered = ranges.flatMap((range) => {
        const [first = 0, last = 0] = /(\d+)-(\d+)$/.exec(range)?.slice(1).map(Number) ?? [];
        return Array.from({ length: last - first + 1 }, (_, i) => first + i);
      });
      // Offset 1 has a span of its own; evidence is not given twice.
      expect(covered.toSorted((a, b) => a - b)).toEqual([0, 2, 3]);
      const own = spans.find((it) => it.attributes["messaging.kafka.offset"] === 1);
      expect(own?.parentSpanContext?.spanId).toBe(sent[1]?.spanContext().spanId);
      const linked = spans.flatMap(({ links }) => links.map(({ context }) => context.spanId));
      expect(linked).toEqual(expect.arrayContaining(sent.map((it) => it.spanContext().spanId)));
      expect(named(finished(), `commit ${topic}`)[0]?.attributes["kafka_trail.offsets"]).toEqual([
        `${topic}/0/0-3`,
      ]);
    });
  },
);
