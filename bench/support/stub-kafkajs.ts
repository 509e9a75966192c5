import { Module } from "node:module";
import type { ConsumerRunConfig, ICustomPartitioner, Message, RecordMetadata } from "kafkajs";

/** The handlers that the last consumer was run with, as the client itself got them. */
export const running: Pick<ConsumerRunConfig, "eachMessage" | "eachBatch"> = {};

interface Parts {
  readonly topicMessages: readonly { topic: string; messages: Message[] }[];
}

const PARTITIONS = [0, 1, 2].map((partitionId) => ({
  partitionId,
  leader: 1,
  partitionErrorCode: 0,
  replicas: [1],
  isr: [1],
}));

/** Asks the partitioner for every message, as kafkajs does, and acknowledges each partition. */
function createMessageProducer({ partitioner }: { partitioner: ReturnType<ICustomPartitioner> }) {
  let next = 0;
  const sendBatch = async ({ topicMessages }: Parts): Promise<RecordMetadata[]> => {
    const acknowledged = new Map<string, RecordMetadata>();
    for (const { topic, messages } of topicMessages) {
      for (const message of messages) {
        const partition = partitioner({ topic, partitionMetadata: PARTITIONS, message });
        const at = `${topic}/${partition}`;
        if (acknowledged.has(at)) continue;
        acknowledged.set(at, { topicName: topic, partition, errorCode: 0, baseOffset: String(next) });
      }
      next += messages.length;
    }
    return [...acknowledged.values()];
  };
  const send = (record: Parts["topicMessages"][number]) => sendBatch({ topicMessages: [record] });
  return { send, sendBatch };
}

class Runner {
  constructor({ eachMessage, eachBatch }: typeof running) {
    Object.assign(running, { eachMessage, eachBatch });
  }

  async start(): Promise<void> {}
  async stop(): Promise<void> {}
}

/**
 * Puts stubs where kafkajs 2.2.4 meets the network, so that what is left to measure is the client's surface and what
 * wraps it. Call it before anything requires kafkajs.
 */
export function stubKafkajs(): void {
  const stubs = {
    "kafkajs/src/producer/messageProducer": createMessageProducer,
    "kafkajs/src/consumer/runner": Runner,
  };
  for (const [name, exports] of Object.entries(stubs)) {
    const filename = require.resolve(name);
    require.cache[filename] = Object.assign(new Module(filename), { exports, loaded: true });
  }
}
