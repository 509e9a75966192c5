import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { installPacked, type Installed } from "./support/installed.ts";
import { ROOT, run } from "./support/program.ts";

jest.setTimeout(180_000);

/** The lowest API that is promised, and the client; no SDK. */
const PEERS = ["@opentelemetry/api@1.9.0", "kafkajs@2.2.4"];
let app: Installed;
beforeAll(() => void (app = installPacked(PEERS)));
afterAll(() => app.remove());

/** Uses the library as far as that goes without a broker, and prints what it got. */
const USE = `
  const kafka = traceKafka(new Kafka({ brokers: ["nowhere:1"], logLevel: 0, retry: { retries: 0 } }));
  const producer = kafka.producer();
  producer.send({ topic: "orders", messages: [{ value: "1" }] }).catch((error) => console.log(error.message));
  console.log(typeof kafka.consumer({ groupId: "g" }).run, typeof forwardHeaders);
`;
const USED = "function function\nThe producer is disconnected\n";

function tool(name: string, ...words: readonly string[]): string {
  const bin = join(ROOT, "node_modules", ".bin", name);
  return execFileSync(bin, words, { cwd: app.folder, encoding: "utf8" });
}

test("the tarball holds the library, its types and its license, and brings no other package", () => {
  const files = execFileSync("tar", ["-tzf", app.tarball], { encoding: "utf8" }).trim().split("\n");
  const manifest = JSON.parse(
    readFileSync(join(app.folder, "node_modules/kafka-trail/package.json"), "utf8"),
  ) as { dependencies?: object; peerDependenciesMeta: Record<string, { optional: boolean }> };

  const strange = files.filter(
    (file) => !/^package\/(dist\/|package\.json$|LICENSE$|README\.md$)/.test(file),
  );
  expect(strange).toEqual([]);
  expect(files).toContain("package/dist/register.js");
  expect(manifest.dependencies).toBeUndefined();
  expect(existsSync(join(app.folder, "node_modules/@opentelemetry/sdk-trace-node"))).toBe(false);
});

test.each([
  [
    "CommonJS",
    "app.cjs",
    `const { Kafka } = require("kafkajs"); const { traceKafka, forwardHeaders } = require("kafka-trail");`,
  ],
  [
    "an ES module",
    "app.mjs",
    `import { Kafka } from "kafkajs"; import { traceKafka, forwardHeaders } from "kafka-trail";`,
  ],
  [
    "a dynamic import",
    "dynamic.mjs",
    `const { Kafka } = await import("kafkajs"); const { traceKafka, forwardHeaders } = await import("kafka-trail");`,
  ],
])("it works from %s, with the API's lowest version and without an SDK", async (_name, file, load) => {
  const script = app.write(file, load + USE);

  const { code, stdout } = await run(script, { cwd: app.folder }).ended;

  expect({ code, stdout }).toEqual({ code: 0, stdout: USED });
});

test("an esbuild bundle of it works", async () => {
  const script = app.write(
    "bundle.ts",
    `import { Kafka } from "kafkajs"; import { traceKafka, forwardHeaders } from "kafka-trail"; ${USE}`,
  );
  tool("esbuild", script, "--bundle", "--platform=node", "--outfile=bundled/app.cjs", "--log-level=error");

  const { code, stdout } = await run(join(app.folder, "bundled/app.cjs"), { cwd: app.folder }).ended;

  expect({ code, stdout }).toEqual({ code: 0, stdout: USED });
});

test("it works in a Jest project", () => {
  app.write(
    "jest/app.test.js",
    `const { Kafka } = require("kafkajs");
     const { traceKafka } = require("kafka-trail");
     test("x", () => expect(typeof traceKafka(new Kafka({ brokers: ["nowhere:1"] })).producer().send).toBe("function"));`,
  );
  const config = JSON.stringify({ rootDir: join(app.folder, "jest") });

  expect(() => tool("jest", "--config", config, "--silent")).not.toThrow();
});

test("its types check in a strict nodenext project, and know the client they were given", () => {
  symlinkSync(join(ROOT, "node_modules/@types"), join(app.folder, "node_modules/@types"));
  app.write(
    "types/app.mts",
    `import { Kafka, type Producer } from "kafkajs";
     import { traceKafka, traceConsumer, forwardHeaders, currentMessage, logFields, type TraceOptions } from "kafka-trail";
     const options: TraceOptions = { cluster: "eu", excludeTopics: [/^__/] };
     const kafka: Kafka = traceKafka(new Kafka({ brokers: [] }), options);
     const producer: Producer = kafka.producer();
     const consumer = traceConsumer(kafka.consumer({ groupId: "g" }), { groupId: "g" });
     await consumer.run({ eachMessage: async ({ message }) => {
       await producer.send({ topic: "dlq", messages: [{ value: message.value, headers: forwardHeaders(message) }] });
       console.log(currentMessage()?.topic, logFields());
     } });
     // @ts-expect-error -- A misspelt option is an error.
     traceKafka(kafka, { clustre: "eu" });`,
  );
  app.write(
    "types/tsconfig.json",
    JSON.stringify({
      compilerOptions: {
        module: "nodenext",
        strict: true,
        exactOptionalPropertyTypes: true,
        noEmit: true,
        types: ["node"],
      },
      include: ["app.mts"],
    }),
  );

  expect(() => tool("tsc", "-p", "types")).not.toThrow();
});

test("publint and arethetypeswrong find nothing wrong", () => {
  expect(() => tool("publint", "--strict", app.tarball)).not.toThrow();
  expect(() => tool("attw", app.tarball, "--format", "ascii")).not.toThrow();
});

test.each([
  ["register", ["--import", "kafka-trail/register"], ""],
  ["startExport", [], `require("kafka-trail/export").startExport();`],
])(
  "without the SDK packages %s names what is missing and how to install it, and the app runs on",
  async (_, flags, start) => {
    const script = app.write("missing.cjs", `${start} console.log("runs");`);

    const { code, stdout, stderr } = await run(script, { cwd: app.folder, nodeArguments: flags }).ended;

    expect({ code, stdout }).toEqual({ code: 0, stdout: "runs\n" });
    expect(stderr).toContain("@opentelemetry/sdk-trace-node is not installed");
    expect(stderr).toContain("npm install @opentelemetry/sdk-trace-node @opentelemetry/resources");
  },
);
