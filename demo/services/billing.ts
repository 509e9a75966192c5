import { forwardHeaders, traceKafka } from "kafka-trail";
import type { KafkaMessage } from "kafkajs";
import { DEAD_LETTERS, isCardRefusedOnce, isCardStolen, ORDERS, readOrder } from "../orders.ts";
import { plainKafka, runService } from "../service.ts";
import { counter } from "../tally.ts";

// Takes the money: some cards are refused at first, and some orders can only be given to the dead letters.

const kafka = traceKafka(plainKafka("billing"));
const consumer = kafka.consumer({ groupId: "billing" });
const producer = kafka.producer();
const count = counter("billing");
const refused = new Set<number>();

async function bill(message: KafkaMessage): Promise<void> {
  const order = readOrder(message.value);
  if (isCardRefusedOnce(order) && !refused.has(order.number)) {
    refused.add(order.number);
    count.did("failed", ORDERS, message.key);
    throw new Error(`card of order ${order.number} refused`);
  }
  if (isCardStolen(order)) {
    // The usual pattern: catch, forward, return. kafka-trail ties the copy to its message by the headers.
    const error = new Error(`card of order ${order.number} is stolen`);
    const copy = { key: message.key, value: message.value, headers: forwardHeaders(message, { error }) };
    await producer.send({ topic: DEAD_LETTERS, messages: [copy] });
    count.did("forwarded", DEAD_LETTERS, message.key);
  }
  count.did("processed", ORDERS, message.key);
}

runService({
  async start() {
    await producer.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [ORDERS], fromBeginning: true });
    await consumer.run({ eachMessage: async ({ message }) => bill(message) });
  },
});
