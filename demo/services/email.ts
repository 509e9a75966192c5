import { setTimeout as pause } from "node:timers/promises";
import { traceKafka } from "kafka-trail";
import { ORDERS } from "../orders.ts";
import { plainKafka, runService } from "../service.ts";
import { counter } from "../tally.ts";

// Writes to customers: slowly, and after half a round not at all. Its messages are the ones that wait.

const LETTERS_MAX = 30;
const LETTER_MS = 40;

const consumer = traceKafka(plainKafka("email")).consumer({ groupId: "email" });
const count = counter("email");
let letters = 0;

runService({
  async start() {
    await consumer.connect();
    await consumer.subscribe({ topics: [ORDERS], fromBeginning: true });
    await consumer.run({
      eachMessage: async ({ message }) => {
        await pause(LETTER_MS);
        letters++;
        count.did("processed", ORDERS, message.key);
        if (letters === LETTERS_MAX) {
          consumer.pause([{ topic: ORDERS }]);
          // Not awaited: kafkajs stops once this very handler has returned.
          void consumer.disconnect();
        }
      },
    });
  },
});
