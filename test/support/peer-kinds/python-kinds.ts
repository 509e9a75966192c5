import { below, consumerSpan, linksTo, type PeerKind, type PeerMessage } from "./shop.ts";

// Python's three, after real runs of 2026-11-21 (README.md of the fixtures).

const KAFKA = { "messaging.system": "kafka" };

const confluent = (topic: string, operation: string) => ({
  ...KAFKA,
  "messaging.destination": topic,
  "messaging.destination_kind": "queue",
  "messaging.operation": operation,
  "server.address": "127.0.0.1",
  "server.port": 19092,
});
const CONFLUENT = { name: "opentelemetry.instrumentation.confluent_kafka", version: "0.66b1" };

/** poll(): the offset only inside the message id, no group, one link. The sender's span knows its topic only. */
export const pythonConfluentPoll: PeerKind = {
  scope: CONFLUENT,
  tells: { place: true, group: false, deadLetter: true, failure: false, sender: true },
  send: ({ topic }) => ({ name: `${topic} send`, attributes: confluent(topic, "publish"), flags: 0x100 }),
  handle(polled) {
    const spans = polled.map(({ message: { topic, partition, offset }, sent }) => {
      const received = consumerSpan("recv", {}, { flags: 0x100 });
      const attributes = {
        ...confluent(topic, "process"),
        "messaging.kafka.partition": partition,
        "messaging.message.id": `${topic}.${partition}.${offset}`,
      };
      const more = { ...below(received), ...linksTo(sent), flags: 0x100 };
      return [received, consumerSpan(`${topic} process`, attributes, more)] as const;
    });
    return { spans: spans.flat(), handling: spans.map(([, handled]) => handled) };
  },
};

/** consume(): one span with a link per record, and no place at all. */
export const pythonConfluentConsume: PeerKind = {
  ...pythonConfluentPoll,
  tells: { place: false, group: false, deadLetter: true, failure: false, sender: false },
  handle(polled) {
    const topic = polled[0]?.message.topic ?? "";
    const received = consumerSpan("recv", {});
    const more = { ...below(received), ...linksTo(...polled.map(({ sent }) => sent)) };
    const handled = consumerSpan(`${topic} process`, confluent(topic, "process"), more);
    return { spans: [received, handled], handling: polled.map(() => handled) };
  },
};

const kafkaPython = ({ topic, partition }: PeerMessage) => ({
  ...KAFKA,
  "messaging.destination": topic,
  "messaging.kafka.partition": partition,
  "messaging.url": '"127.0.0.1:19092"',
});

/** No offset, no key, no group; the operation is in the name only. Dead letters begin traces of their own. */
export const pythonKafkaPython: PeerKind = {
  scope: { name: "opentelemetry.instrumentation.kafka", version: "0.66b1" },
  tells: { place: false, group: false, deadLetter: false, failure: false, sender: false },
  send: (message) => ({ name: `${message.topic} send`, attributes: kafkaPython(message), flags: 0x100 }),
  handle(polled) {
    const handling = polled.map(({ message, sent }) =>
      consumerSpan(`${message.topic} receive`, kafkaPython(message), below(sent)),
    );
    return { spans: handling, handling };
  },
};

const aiokafka = ({ topic, partition, key }: PeerMessage, name: string, type: string) => ({
  ...KAFKA,
  "messaging.operation.name": name,
  "messaging.operation.type": type,
  "messaging.destination.name": topic,
  "messaging.destination.partition.id": String(partition),
  "messaging.kafka.message.key": key,
  "messaging.client.id": "py",
  "server.address": '["127.0.0.1:19092"]',
});

/** getmany(): three levels under one name. Sends have no offset, and dead letters begin traces of their own. */
export const pythonAiokafka: PeerKind = {
  scope: { name: "opentelemetry.instrumentation.aiokafka", version: "0.66b1" },
  tells: { place: true, group: true, deadLetter: false, failure: false, sender: true },
  send: (message) => ({ name: `${message.topic} send`, attributes: aiokafka(message, "send", "publish") }),
  handle(polled, { group }) {
    const { topic = "", partition = 0 } = polled[0]?.message ?? {};
    const name = `${topic} receive`;
    const common = {
      ...KAFKA,
      "messaging.operation.name": "receive",
      "messaging.operation.type": "receive",
      "messaging.consumer.group.name": group,
    };
    const handling = polled.map(({ message, sent }) =>
      consumerSpan(
        name,
        {
          ...aiokafka(message, "receive", "receive"),
          ...common,
          "messaging.kafka.message.offset": message.offset,
          "messaging.message.id": `${topic}.${partition}.${message.offset}`,
        },
        below(sent),
      ),
    );
    const count = { "messaging.batch.message_count": polled.length };
    const batch = consumerSpan(name, { ...common, ...count });
    const ofPartition = consumerSpan(
      name,
      {
        ...common,
        ...count,
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": String(partition),
      },
      { ...below(batch), ...linksTo(...handling) },
    );
    return { spans: [batch, ofPartition, ...handling], handling };
  },
};
