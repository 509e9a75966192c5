import { ORDERS } from "../orders.ts";
import { plainKafka } from "../service.ts";
import { counter, tell } from "../tally.ts";

// Another team's consumer that nobody instrumented. What it has read is known from its committed offsets alone.

const consumer = plainKafka("legacy").consumer({ groupId: "legacy" });
const count = counter("legacy");

async function start(): Promise<void> {
  await consumer.connect();
  await consumer.subscribe({ topics: [ORDERS], fromBeginning: true });
  await consumer.run({ eachMessage: async ({ message }) => count.did("processed", ORDERS, message.key) });
}

process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => undefined);
process.on("message", (word: { say: string }) => word.say === "flush" && tell({ say: "flushed" }));
void start().then(() => tell({ say: "ready" }));
