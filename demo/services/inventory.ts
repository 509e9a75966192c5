import { traceKafka } from "kafka-trail";
import { ORDERS, STOCK } from "../orders.ts";
import { plainKafka, runService } from "../service.ts";
import { counter } from "../tally.ts";

// Takes goods off the shelf: reads in batches, and says what is left.

const kafka = traceKafka(plainKafka("inventory"));
const consumer = kafka.consumer({ groupId: "inventory" });
const producer = kafka.producer();
const count = counter("inventory");

runService({
  async start() {
    await producer.connect();
    await consumer.connect();
    await consumer.subscribe({ topics: [ORDERS], fromBeginning: true });
    await consumer.run({
      eachBatch: async (payload) => {
        const { batch } = payload;
        const updates = batch.messages.map(({ key }) => ({ key, value: JSON.stringify({ left: 41 }) }));
        await producer.send({ topic: STOCK, messages: updates });
        for (const { key, offset } of batch.messages) {
          count.did("produced", STOCK, key);
          count.did("processed", ORDERS, key);
          payload.resolveOffset(offset);
        }
        await payload.heartbeat();
      },
    });
  },
});
