import { Kind } from "../otlp.ts";
import {
  pythonAiokafka,
  pythonConfluentConsume,
  pythonConfluentPoll,
  pythonKafkaPython,
} from "./python-kinds.ts";
import { below, consumerSpan, linksTo, type PeerKind, type PeerMessage } from "./shop.ts";

// Names, kinds, attributes with their types and the links between spans are those of real runs of 2026-11-21 (README.md
// of the fixtures); .NET's and Spring's follow their sources.

const KAFKA = { "messaging.system": "kafka" };
const CLUSTER = "gFOyK3IATLCngGHDElq8pg";

const javaPlace = ({ topic, partition, offset, key }: PeerMessage) => ({
  ...KAFKA,
  "messaging.destination.name": topic,
  "messaging.destination.partition.id": String(partition),
  "messaging.kafka.message.offset": offset,
  "messaging.kafka.message.key": key,
  "messaging.kafka.cluster.id": CLUSTER,
  "messaging.client_id": "java",
  "thread.id": 1,
});
const JAVA = { name: "io.opentelemetry.kafka-clients-0.11", version: "2.33.1-alpha" };
const ALL = { place: true, group: true, deadLetter: true, failure: false, sender: true };

/** The process span links to the send, and hangs below a receive span of the poll, in a trace of its own. */
const javaLinks: PeerKind = {
  scope: JAVA,
  tells: ALL,
  send: (message) => ({
    name: `${message.topic} publish`,
    attributes: {
      ...javaPlace(message),
      "messaging.operation": "publish",
      "messaging.kafka.bootstrap.servers": "b:9092",
    },
  }),
  handle(polled, { group }) {
    const topic = polled[0]?.message.topic ?? "";
    const received = consumerSpan(`${topic} receive`, {
      ...KAFKA,
      "messaging.operation": "receive",
      "messaging.destination.name": topic,
      "messaging.batch.message_count": polled.length,
      "messaging.kafka.consumer.group": group,
      "messaging.kafka.cluster.id": CLUSTER,
    });
    const handling = polled.map(({ message, sent }) =>
      consumerSpan(
        `${topic} process`,
        {
          ...javaPlace(message),
          "messaging.operation": "process",
          "messaging.kafka.consumer.group": group,
          "messaging.message.body.size": 36,
          "kafka.record.queue_time_ms": 3,
        },
        { ...below(received), ...linksTo(sent) },
      ),
    );
    return { spans: [received, ...handling], handling };
  },
};

/** The new names; child of the send and linked to it as well. */
const javaStable: PeerKind = {
  scope: JAVA,
  tells: ALL,
  send: (message) => ({
    name: `send ${message.topic}`,
    attributes: stable(message, "send"),
  }),
  handle(polled, { group }) {
    const handling = polled.map(({ message, sent }) =>
      consumerSpan(
        `process ${message.topic}`,
        { ...stable(message, "process"), "messaging.consumer.group.name": group },
        { ...below(sent), ...linksTo(sent) },
      ),
    );
    return { spans: handling, handling };
  },
};
function stable({ topic, partition, offset, key }: PeerMessage, operation: string) {
  return {
    ...KAFKA,
    "messaging.operation.name": operation,
    "messaging.operation.type": operation,
    "messaging.destination.name": topic,
    "messaging.destination.partition.id": String(partition),
    "messaging.kafka.offset": offset,
    "messaging.kafka.message.key": key,
    "messaging.kafka.cluster.id": CLUSTER,
    "messaging.client.id": "java",
  };
}

const kafkajs = ({ topic, partition, key }: PeerMessage, name: string, type = name) => ({
  ...KAFKA,
  "messaging.operation.name": name,
  "messaging.operation.type": type,
  "messaging.destination.name": topic,
  "messaging.destination.partition.id": String(partition),
  "messaging.kafka.message.key": key,
  "messaging.kafka.cluster.id": CLUSTER,
});
const KAFKAJS = { name: "@opentelemetry/instrumentation-kafkajs", version: "0.32.0" };

/** eachMessage: offsets are strings, failures are shown, no group. */
const nodeKafkajs: PeerKind = {
  scope: KAFKAJS,
  tells: { place: true, group: false, deadLetter: true, failure: true, sender: true },
  send: (message) => ({ name: `send ${message.topic}`, attributes: kafkajs(message, "send") }),
  handle(polled) {
    const handling = polled.map(({ message, sent, isFailed }) =>
      consumerSpan(
        `process ${message.topic}`,
        {
          ...kafkajs(message, "process"),
          "messaging.kafka.offset": String(message.offset),
          ...(isFailed && { "error.type": "Error" }),
        },
        { ...below(sent), ...(isFailed && { status: { code: 2, message: "card declined" } }) },
      ),
    );
    return { spans: handling, handling };
  },
};

/** eachBatch: a CLIENT polls, and the process spans link to the sends. What the handler does hangs below the poll. */
const nodeKafkajsBatch: PeerKind = {
  ...nodeKafkajs,
  tells: { ...nodeKafkajs.tells, deadLetter: false, fate: false },
  handle(polled, consumer) {
    const { handling } = nodeKafkajs.handle(polled, consumer);
    const first = polled[0]?.message ?? { topic: "", partition: 0, offset: 0 };
    const poll = consumerSpan(
      `poll ${first.topic}`,
      {
        ...kafkajs({ ...first, key: "" }, "poll", "receive"),
        "messaging.batch.message_count": polled.length,
      },
      { kind: Kind.client },
    );
    const linked = handling.map((span, i) => ({
      ...span,
      ...below(poll),
      ...linksTo(...polled.slice(i, i + 1).map((it) => it.sent)),
    }));
    return { spans: [poll, ...linked], handling: linked.map(() => poll) };
  },
};

const dotnet = ({ topic, partition, offset, key }: PeerMessage, operation: string) => ({
  ...KAFKA,
  "messaging.operation": operation,
  "messaging.destination.name": topic,
  "messaging.kafka.destination.partition": partition,
  "messaging.kafka.message.offset": offset,
  "messaging.kafka.message.key": key,
});

/** Confluent.Kafka for .NET: receive spans in traces of their own, linked to the sends. */
const dotnetConfluent: PeerKind = {
  scope: { name: "OpenTelemetry.Instrumentation.ConfluentKafka", version: "0.1.0-alpha.3" },
  tells: ALL,
  send: (message) => ({ name: `${message.topic} publish`, attributes: dotnet(message, "publish") }),
  handle(polled, { group }) {
    const handling = polled.map(({ message, sent }) =>
      consumerSpan(
        `${message.topic} receive`,
        { ...dotnet(message, "receive"), "messaging.kafka.consumer.group": group },
        linksTo(sent),
      ),
    );
    return { spans: handling, handling };
  },
};

/** Spring for Apache Kafka through Micrometer's bridge: its own names, `source` words, a failed listener is an error. */
const springMicrometer: PeerKind = {
  scope: { name: "org.springframework.boot", version: "3.5.0" },
  tells: { place: true, group: true, deadLetter: true, failure: true, sender: true },
  send: ({ topic }) => ({
    name: `${topic} send`,
    attributes: {
      ...KAFKA,
      "messaging.operation": "publish",
      "messaging.destination.name": topic,
      "messaging.destination.kind": "topic",
      "spring.kafka.template.name": "kafkaTemplate",
    },
  }),
  handle(polled, { group }) {
    const handling = polled.map(({ message, sent, isFailed }) =>
      consumerSpan(
        `${message.topic} receive`,
        {
          ...KAFKA,
          "messaging.operation": "receive",
          "messaging.consumer.id": `${group} - spring`,
          "messaging.source.name": message.topic,
          "messaging.source.kind": "topic",
          "messaging.kafka.source.partition": String(message.partition),
          "messaging.kafka.message.offset": String(message.offset),
          "messaging.kafka.consumer.group": group,
          "spring.kafka.listener.id": `${group}-0`,
        },
        { ...below(sent), ...(isFailed && { status: { code: 2 } }) },
      ),
    );
    return { spans: handling, handling };
  },
};

export const PEER_KINDS: Readonly<Record<string, PeerKind>> = {
  "java-links": javaLinks,
  "java-stable": javaStable,
  "python-confluent-poll": pythonConfluentPoll,
  "python-confluent-consume": pythonConfluentConsume,
  "python-kafkapython": pythonKafkaPython,
  "python-aiokafka": pythonAiokafka,
  "node-kafkajs": nodeKafkajs,
  "node-kafkajs-batch": nodeKafkajsBatch,
  "dotnet-confluent": dotnetConfluent,
  "spring-micrometer": springMicrometer,
};
