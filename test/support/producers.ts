import { Kafka, logLevel, Partitioners, type Producer, type ProducerConfig } from "kafkajs";
import { readLog, type LogEntry } from "../../gate/support/read-log.ts";
import { interceptProducer, recordPartitions } from "../../producer/index.ts";
import { createTracing, type TraceOptions } from "../../trace-context/index.ts";
import type { FakeKafka } from "./fake-kafka.ts";
import { kafkaBrokers } from "./services.ts";
import { tracing } from "./spans.ts";

const open: { disconnect(): Promise<void> }[] = [];

/** A plain kafkajs client of the real broker; kafkajs logs what tests provoke, so it is told to be silent. */
export function plainKafka(): Kafka {
  return new Kafka({ clientId: "test", brokers: kafkaBrokers(), logLevel: logLevel.NOTHING });
}

/** Disconnects every producer that a test has opened. For `afterEach`. */
export async function closeProducers(): Promise<void> {
  await Promise.all(open.splice(0).map((producer) => producer.disconnect()));
}

export interface Producing {
  readonly config?: ProducerConfig;
  readonly options?: TraceOptions;
  /** False: the producer was made before it was traced, so that its partitioner is out of reach. */
  readonly isRecorded?: boolean;
  /** Default: the real broker. */
  readonly kafka?: Kafka | FakeKafka;
  /** Wraps the producer before it is traced, as an app may. */
  readonly wrap?: (producer: Producer) => Producer;
}

/** A traced producer and what it leaves behind. */
export function tracedProducer({ config = {}, options, isRecorded = true, kafka, wrap }: Producing = {}) {
  const observed = tracing();
  const facts = createTracing(
    { ...observed.options, ...options },
    { semconvStabilityOptIn: undefined, version: "test" },
  );
  const recorded = recordPartitions(config.createPartitioner ?? Partitioners.DefaultPartitioner);
  const plain = (kafka ?? plainKafka()).producer(
    isRecorded ? { ...config, createPartitioner: recorded.createPartitioner } : config,
  );
  const { idempotent, transactionalId } = config;
  const producer = interceptProducer(wrap ? wrap(plain) : plain, facts, {
    ...(idempotent !== undefined && { idempotent }),
    ...(transactionalId !== undefined && { transactionalId }),
    ...(isRecorded && { partitions: recorded.partitions }),
  });
  return { ...observed, producer, plain, guard: facts.guard };
}

/** The same, connected to the real broker until the test ends. */
export async function openTracedProducer(producing: Producing = {}) {
  const traced = tracedProducer(producing);
  open.push(traced.plain);
  await traced.producer.connect();
  return traced;
}

/** Every message of some topics, by `topic/partition/offset`. */
export async function messagesIn(...topics: string[]): Promise<Map<string, LogEntry["message"]>> {
  const found = new Map<string, LogEntry["message"]>();
  await readLog(plainKafka(), topics, ({ topic, partition, message }) => {
    found.set(`${topic}/${partition}/${message.offset}`, message);
  });
  return found;
}

/** Returns the offset that a group has committed of a topic's first partition, as the broker tells it. */
export async function committedOffset(groupId: string, topic: string): Promise<string | undefined> {
  const admin = plainKafka().admin();
  await admin.connect();
  try {
    const [committed] = await admin.fetchOffsets({ groupId, topics: [topic] });
    return committed?.partitions[0]?.offset;
  } finally {
    await admin.disconnect();
  }
}
