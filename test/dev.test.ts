import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Kafka, logLevel } from "kafkajs";
import { Client } from "pg";
import { findOrBuildCollector } from "../dev/collector.ts";
import { startKafka, startKafkaCluster } from "../dev/kafka.ts";
import { startOwnPostgres, startPostgres } from "../dev/postgres.ts";
import { quiet } from "../dev/progress.ts";
import { repositoryRoot } from "../dev/root.ts";
import { waitUntil } from "../dev/wait.ts";
import { atTheEnd, emptyDirectory, environment } from "./support/environment.ts";

const START_TIMEOUT_MS = 240_000;
/** A program that starts `services` (an expression over the compiled dev/), says "up" and stays. */
async function programThatStarts(services: string, directory: string): Promise<ChildProcess> {
  const dev = join(repositoryRoot(), ".build", "dev");
  if (!existsSync(dev)) throw new Error(`${dev} is missing; npm test compiles it, npm run build too.`);
  const load = ["child", "kafka", "postgres"].map(
    (it) => `...require(${JSON.stringify(join(dev, `${it}.js`))})`,
  );
  const code = `
    const dev = { ${load.join(", ")} };
    (${services})(dev).then(() => { console.log("up"); setInterval(() => undefined, 60_000); });`;
  const { KAFKA_BROKERS: _, DATABASE_URL: __, ...env } = process.env;
  const program = spawn(process.execPath, ["-e", code], {
    env: { ...env, TMPDIR: directory },
    stdio: ["ignore", "pipe", "inherit"],
  });
  atTheEnd(() => program.kill("SIGKILL"));
  await once(program.stdout, "data");
  return program;
}

/** Processes whose command line names the directory: all that had their data or log there. */
function processesOf(directory: string): string[] {
  const all = execFileSync("ps", ["-axo", "pid=,args="], { encoding: "utf8" });
  return all.split("\n").filter((line) => line.includes(directory));
}

/** Waits for the end of what a dead program had started, and returns what is left of it. */
async function leftOf(directory: string): Promise<{ processes: string[]; data: string[] }> {
  const look = () => ({ processes: processesOf(directory), data: readdirSync(directory) });
  await waitUntil("An end of everything", () => isNothing(look()), { timeoutMs: 20_000 }).catch(
    () => undefined,
  );
  return look();
}

const NOTHING = { processes: [], data: [] };
const isNothing = ({ processes, data }: { processes: string[]; data: string[] }) =>
  processes.length + data.length === 0;

const SLEEP = `async ({ startChild, temporaryDirectory, emptyLog }) => {
  const { path } = temporaryDirectory("sleep");
  await startChild({ command: "sh", args: ["-c", "sleep 600; exit", path], logFile: emptyLog(path, "log") });
}`;

test(
  "Kafka and Postgres end, and their data goes, when the program that started them is killed",
  async () => {
    const directory = emptyDirectory();
    const services = "({ startKafka, startPostgres }) => Promise.all([startKafka(), startPostgres()])";
    const program = await programThatStarts(services, directory);
    expect(processesOf(directory).join("\n")).toMatch(/kafka\.Kafka[^]*postgres|postgres[^]*kafka\.Kafka/);

    program.kill("SIGKILL");

    expect(await leftOf(directory)).toEqual(NOTHING);
  },
  START_TIMEOUT_MS,
);

test.each(["SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"] as const)(
  "a child and what it started end when its program gets %s",
  async (signal) => {
    const directory = emptyDirectory();
    const program = await programThatStarts(SLEEP, directory);
    expect(processesOf(directory)).not.toEqual([]);

    program.kill(signal);

    expect(await leftOf(directory)).toEqual(NOTHING);
  },
);

test("a program may end without stopping what it started", async () => {
  const directory = emptyDirectory();
  const program = await programThatStarts(
    `async (dev) => { await (${SLEEP})(dev); setTimeout(() => process.exit(0), 50); }`,
    directory,
  );

  await once(program, "exit");

  expect(await leftOf(directory)).toEqual(NOTHING);
});

test("without Kafka, Docker and Java the error names all three ways", async () => {
  environment({ KAFKA_BROKERS: undefined, JAVA_HOME: undefined, PATH: emptyDirectory() });

  const fault = await startKafka().catch((error: Error) => error.message);

  expect(fault).toMatchInlineSnapshot(`
"No Kafka is to be had here. Any one of these gives one:
- KAFKA_BROKERS=host:port of a Kafka that runs (it is not set),
- Docker with its daemon running (no docker on PATH),
- Java 17 or newer and Maven, to run Apache Kafka 4.3.1 from Maven Central (no java on PATH): apt install openjdk-17-jre-headless maven, or brew install openjdk maven.
Linux and macOS are supported; on Windows, use WSL."
`);
});

test("a Docker without a daemon and a Java without Maven are told from missing ones", async () => {
  const bin = emptyDirectory();
  program(bin, "docker", "exit 1");
  program(bin, "java", `echo 'openjdk version "21.0.1"' >&2`);
  environment({
    KAFKA_BROKERS: undefined,
    JAVA_HOME: undefined,
    PATH: bin,
    KAFKA_TRAIL_CACHE: join(bin, "cache"),
  });

  const fault = await startKafka().catch((error: Error) => error.message);

  expect(fault).toContain("(docker is here, but its daemon does not answer)");
  expect(fault).toContain("(no mvn on PATH)");
});

test("a Java that is too old is named with its version", async () => {
  const bin = emptyDirectory();
  program(bin, "java", `echo 'openjdk version "11.0.2"' >&2`);
  environment({ KAFKA_BROKERS: undefined, JAVA_HOME: undefined, PATH: bin });

  const fault = await startKafka().catch((error: Error) => error.message);

  expect(fault).toContain('is not Java 17 or newer (openjdk version "11.0.2")');
});

test("a Docker that cannot run Kafka is passed over, and told with its last words", async () => {
  const bin = emptyDirectory();
  program(bin, "docker", `[ "$1" = info ] || { echo "no space left on device"; exit 1; }`);
  environment({ KAFKA_BROKERS: undefined, JAVA_HOME: undefined, PATH: bin });

  const fault = await startKafka().catch((error: Error) => error.message);

  expect(fault).toContain("no space left on device");
  expect(fault).toContain("no java on PATH");
});

test("services that are given are used as they are", async () => {
  environment({ KAFKA_BROKERS: "a:1,b:2", DATABASE_URL: "postgres://given" });

  const [kafka, postgres] = await Promise.all([startKafka(), startPostgres()]);

  expect(kafka).toMatchObject({ brokers: ["a:1", "b:2"], via: "KAFKA_BROKERS" });
  expect(postgres).toMatchObject({ url: "postgres://given", via: "DATABASE_URL" });
});

test("without a collector and Go the error names every way", async () => {
  environment({ OTELCOL_BIN: undefined, PATH: emptyDirectory(), KAFKA_TRAIL_CACHE: emptyDirectory() });

  const fault = await findOrBuildCollector(quiet).catch((error: Error) => error.message);

  expect(fault).toMatchInlineSnapshot(
    `"Cannot find or build the OpenTelemetry Collector 0.159.0: OTELCOL_BIN is not set, PATH has no otelcol or otelcol-contrib, none was built before, and none can be built (no go on PATH). Install it, or Go 1.25."`,
  );
});

test(
  "a broker that was killed comes back with what it had",
  async () => {
    const cluster = await startKafkaCluster({ brokers: 1 });
    atTheEnd(() => cluster.stop());
    const admin = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).admin();
    await admin.createTopics({ topics: [{ topic: "kept", numPartitions: 3 }] });

    await cluster.kill(1);
    await cluster.startNode(1);

    expect(await admin.fetchTopicOffsets("kept")).toHaveLength(3);
    await admin.disconnect();
  },
  START_TIMEOUT_MS,
);

test.each([15, 18] as const)("Postgres %i keeps through a crash what it had committed", async (version) => {
  const postgres = await startOwnPostgres({ version });
  atTheEnd(() => postgres.stop());
  await ask(postgres.url, "CREATE TABLE kept AS SELECT 1 AS it");

  await postgres.kill();
  await postgres.restart();

  expect(
    await ask(postgres.url, "SELECT it, current_setting('server_version_num')::int / 10000 AS v FROM kept"),
  ).toEqual([{ it: 1, v: version }]);
});

function program(directory: string, name: string, script: string): void {
  writeFileSync(join(directory, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
}

async function ask(url: string, query: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(query)).rows;
  } finally {
    await client.end();
  }
}
