import { setTimeout as pause } from "node:timers/promises";
import { traceKafka } from "kafka-trail";
import { ORDERS, orderMessage } from "../orders.ts";
import { plainKafka, runService } from "../service.ts";
import { counter } from "../tally.ts";

// Sends orders: one by one, in batches, and in transactions, of which some are aborted.

const kafka = traceKafka(plainKafka("checkout"));
const producer = kafka.producer();
const transactional = kafka.producer({
  transactionalId: "checkout",
  idempotent: true,
  maxInFlightRequests: 1,
});
const count = counter("checkout");

async function sendOne(number: number): Promise<void> {
  const message = orderMessage(number);
  await producer.send({ topic: ORDERS, messages: [message] });
  count.did("produced", ORDERS, message.key);
}

async function sendMany(first: number, last: number): Promise<void> {
  const messages = orders(first, last);
  await producer.send({ topic: ORDERS, messages });
  for (const { key } of messages) count.did("produced", ORDERS, key);
}

/** An aborted transaction's messages stay in the log, where no read-committed consumer sees them. */
async function sendInTransaction(first: number, last: number, end: "commit" | "abort"): Promise<void> {
  const transaction = await transactional.transaction();
  const messages = orders(first, last);
  await transaction.sendBatch({ topicMessages: [{ topic: ORDERS, messages }] });
  await transaction[end]();
  for (const { key } of messages) count.did("produced", ORDERS, key);
}

function orders(first: number, last: number): { key: string; value: string }[] {
  return Array.from({ length: last - first + 1 }, (_, i) => orderMessage(first + i));
}

/** The fixed round of `--once`: 65 orders that consumers see, and 3 that they do not. */
export const ROUND = { visible: 65, aborted: 3 } as const;

async function playOnce(): Promise<void> {
  for (let number = 1; number <= 20; number++) await sendOne(number);
  await sendMany(21, 60);
  await sendInTransaction(61, 65, "commit");
  await sendInTransaction(66, 68, "abort");
}

async function playOn(): Promise<void> {
  for (let number = 101; ;) {
    await sendOne(number++);
    await pause(400);
    if (number % 20 === 0) {
      await sendMany(number, number + 39);
      number += 40;
    }
    if (number % 50 === 0) {
      await sendInTransaction(number, number + 4, number % 100 === 0 ? "abort" : "commit");
      number += 5;
    }
  }
}

runService({
  async start() {
    await producer.connect();
    await transactional.connect();
  },
  async play(isOnce) {
    await playOnce();
    if (!isOnce) await playOn();
  },
});
