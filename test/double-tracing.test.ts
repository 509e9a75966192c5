import { runText } from "./support/program.ts";
import { kafkaBrokers } from "./support/services.ts";
import { createTopic } from "./support/topics.ts";

/** Sends and processes one message on the real broker, and prints which libraries made its spans. */
const program = (topic: string, setUp: string) => `
  const { NodeTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } = require("@opentelemetry/sdk-trace-node");
  const exporter = new InMemorySpanExporter();
  new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }).register();
  const { diag, DiagLogLevel } = require("@opentelemetry/api");
  diag.setLogger({ warn: (text) => /already traces/.test(text) && console.error(text), error() {}, info() {}, debug() {}, verbose() {} }, DiagLogLevel.WARN);
  const startTheirs = () => new (require("@opentelemetry/instrumentation-kafkajs").KafkaJsInstrumentation)();
  const { instrumentKafka, traceKafka } = require("kafka-trail");
  const main = async () => {
    ${setUp}
    const producer = kafka.producer();
    const consumer = kafka.consumer({ groupId: "group-${topic}" });
    await producer.connect();
    await consumer.connect();
    await producer.send({ topic: "${topic}", messages: [{ value: "1" }] });
    await consumer.subscribe({ topic: "${topic}", fromBeginning: true });
    await new Promise((resolve) => consumer.run({ eachMessage: async () => resolve() }));
    await consumer.disconnect();
    await producer.disconnect();
    process.stdout.write(JSON.stringify(exporter.getFinishedSpans().map((it) => it.instrumentationScope.name).sort()));
  };
  main().catch((error) => { console.error(error); process.exitCode = 1; });
`;
const CONFIG = `{ brokers: ${JSON.stringify(kafkaBrokers())}, logLevel: 1 }`;
const THEIRS = "@opentelemetry/instrumentation-kafkajs";

test.each([
  [
    "their patch first, then traceKafka",
    `startTheirs(); const kafka = traceKafka(new (require("kafkajs").Kafka)(${CONFIG}));`,
  ],
  [
    "their patch first, then instrumentKafka",
    `startTheirs(); const module = require("kafkajs"); instrumentKafka(module); const kafka = new module.Kafka(${CONFIG});`,
  ],
  [
    "instrumentKafka first, then their patch",
    `instrumentKafka(require("kafkajs")); startTheirs(); const kafka = new (require("kafkajs").Kafka)(${CONFIG});`,
  ],
])("a client that OpenTelemetry traces is traced once: %s", async (_name, setUp) => {
  const topic = await createTopic("double");

  const { stdout, stderr } = await runText(program(topic, setUp)).ended;

  expect(JSON.parse(stdout)).toEqual([THEIRS, THEIRS]);
  // Once by diag, and once as a process warning: most apps give diag no logger.
  expect(stderr.match(/kafka-trail: \S+ already traces this client/g)).toHaveLength(2);
});

test("without their instrumentation the same program is traced by us", async () => {
  const topic = await createTopic("double");
  const setUp = `const kafka = traceKafka(new (require("kafkajs").Kafka)(${CONFIG}));`;

  const { stdout } = await runText(program(topic, setUp)).ended;

  expect(new Set(JSON.parse(stdout) as string[])).toEqual(new Set(["kafka-trail"]));
});
