import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { waitUntil } from "../dev/wait.ts";
import { ROOT, runText, type ProgramOptions } from "./support/program.ts";
import { kafkaBrokers } from "./support/services.ts";
import { receiveSpans } from "./support/span-receiver.ts";
import { createTopic } from "./support/topics.ts";

type Receiver = Awaited<ReturnType<typeof receiveSpans>>;
let receiver: Receiver;
beforeEach(async () => void (receiver = await receiveSpans()));
afterEach(() => receiver.close());

/** Sends three messages, waits until they are processed, and comes to its natural end. `Kafka` is in scope. */
const trip = (topic: string) => `
  const kafka = new Kafka({ clientId: "app", brokers: ${JSON.stringify(kafkaBrokers())}, logLevel: 1 });
  const main = async () => {
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: "group-${topic}" });
    await producer.connect();
    await consumer.connect();
    await producer.send({ topic: "${topic}", messages: [{ key: "a", value: "1" }, { key: "b", value: "2" }, { value: "3" }] });
    await consumer.subscribe({ topic: "${topic}", fromBeginning: true });
    let left = 3;
    await new Promise((resolve) => consumer.run({ eachMessage: async () => { if (--left === 0) resolve(); } }));
    await consumer.disconnect();
    await producer.disconnect();
  };
  main().catch((error) => { console.error(error); process.exitCode = 1; });
`;

const environment = (more: Record<string, string> = {}): ProgramOptions["env"] & {} => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_SERVICE_NAME: "zero-code",
  ...more,
});

async function expectTrail(topic: string) {
  await waitUntil("The spans of three messages", () => receiver.named(`process ${topic}`).length === 3, {
    timeoutMs: 10_000,
  });
  const created = receiver.named(`create ${topic}`);
  const processed = receiver.named(`process ${topic}`);
  expect(created.map((span) => span.attributes["messaging.kafka.offset"])).toEqual([0, 1, 2]);
  // Exact on both ends, so the partitioner was found.
  expect(processed.map((span) => span.attributes["messaging.kafka.offset"])).toEqual([0, 1, 2]);
  expect(new Set(processed.map((span) => span.parentSpanId))).toEqual(
    new Set(created.map((it) => it.spanId)),
  );
  expect(processed[0]?.attributes["messaging.client.id"]).toBe("app");
  expect(processed[0]?.resource["service.name"]).toBe("zero-code");
}

test.each([
  ["a CommonJS app, --import", "cjs", "--import", `const { Kafka } = require("kafkajs");`],
  ["a CommonJS app, -r", "cjs", "-r", `const { Kafka } = require("kafkajs");`],
  ["an ES module app, --import", "mjs", "--import", `import { Kafka } from "kafkajs";`],
  ["an ES module app, -r", "mjs", "-r", `import { Kafka } from "kafkajs";`],
  ["a dynamic import", "mjs", "--import", `const { Kafka } = await import("kafkajs");`],
] as const)("register traces %s, without a line of its code", async (_name, extension, flag, load) => {
  const topic = await createTopic("register");

  const { ended } = runText(`${load}\n${trip(topic)}`, {
    extension,
    nodeArguments: [flag, "kafka-trail/register"],
    env: environment(),
  });
  const { code, stderr } = await ended;

  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await expectTrail(topic);
});

test("an ES module that calls traceKafka itself gets exact coordinates too", async () => {
  const topic = await createTopic("register");

  const { ended } = runText(
    `import { Kafka as Plain } from "kafkajs";
     import { traceKafka } from "kafka-trail";
     import { startExport } from "kafka-trail/export";
     startExport();
     const Kafka = function (config) { return traceKafka(new Plain(config)); };
     ${trip(topic)}`,
    { extension: "mjs", env: environment() },
  );
  const { code, stderr } = await ended;

  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  await expectTrail(topic);
});

test("an app without a Kafka client starts and ends as ever; one line says what is the matter", async () => {
  const { ended } = runText(`console.log("works"); process.exitCode = 3;`, {
    nodeArguments: ["--import", pathToFileURL(join(ROOT, "dist", "register.js")).href],
    env: environment(),
    cwd: tmpdir(),
  });
  const { code, stdout, stderr } = await ended;

  expect({ code, stdout }).toEqual({ code: 3, stdout: "works\n" });
  expect(stderr).toMatch(/^kafka-trail\/register: neither kafkajs nor .* nothing is traced\.\n$/);
});

test("a kafkajs that cannot be loaded is the app's error to meet, not ours to throw", async () => {
  const { ended } = runText(
    `require("node:fs").mkdirSync(__dirname + "/node_modules/kafkajs", { recursive: true });
     require("node:fs").writeFileSync(__dirname + "/node_modules/kafkajs/index.js", "throw new Error('broken install')");
     const { spawnSync } = require("node:child_process");
     require("node:fs").writeFileSync(__dirname + "/inner.cjs", "console.log('works')");
     const inner = spawnSync(process.execPath, ["-r", "kafka-trail/register", __dirname + "/inner.cjs"], { encoding: "utf8" });
     console.log(JSON.stringify(inner));`,
    { env: environment() },
  );
  const inner = JSON.parse((await ended).stdout) as { status: number; stdout: string; stderr: string };

  expect(inner).toMatchObject({ status: 0, stdout: "works\n" });
  expect(inner.stderr).toContain("kafka-trail/register: broken install\n");
});

test("OTEL_SDK_DISABLED switches everything off", async () => {
  const topic = await createTopic("register");

  const { ended } = runText(`const { Kafka } = require("kafkajs"); ${trip(topic)}`, {
    nodeArguments: ["--import", "kafka-trail/register"],
    env: environment({ OTEL_SDK_DISABLED: "true" }),
  });
  const { code, stderr } = await ended;

  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(receiver.requests).toBe(0);
});

test.each([
  ["no partitioner: the warning comes once, as without us", "kafka.producer(); kafka.producer();", 1],
  ["a partitioner: no warning", "kafka.producer({ createPartitioner: Partitioners.LegacyPartitioner });", 0],
])("kafkajs's warning about its default partitioner is left as it is; %s", async (_name, made, warnings) => {
  const program = (wrap: string) => `
    const { Kafka, Partitioners } = require("kafkajs");
    const kafka = ${wrap}(new Kafka({ brokers: ["nowhere:1"], logLevel: 2 }));
    ${made}`;
  const count = ({ stderr }: { stderr: string }) => stderr.split("switched default partitioner").length - 1;

  const untraced = count(await runText(program("")).ended);
  const traced = count(await runText(program(`require("kafka-trail").traceKafka`)).ended);

  expect({ untraced, traced }).toEqual({ untraced: warnings, traced: warnings });
});
