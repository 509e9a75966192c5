import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { freePorts } from "../dev/ports.ts";
import { waitUntil } from "../dev/wait.ts";
import { createKafka } from "../trace-store/kafka/client.ts";
import { createLog } from "../trace-store/log.ts";
import { migratedDatabase } from "./support/database.ts";
import { ROOT, run } from "./support/program.ts";

// kafka-trail up, where something it needs is away or wrong.

test("a store that waits for Postgres stops at the first SIGTERM", async () => {
  const [port = 0] = await freePorts(1);
  const store = run(join(ROOT, "trace-store", "bin", "kafka-trail.js"), {
    scriptArguments: ["up"],
    env: { DATABASE_URL: `postgres://u:s3cret@127.0.0.1:${port}/none`, KAFKA_BROKERS: "" },
  });
  await waitUntil("The wait for Postgres", () => store.stderr().includes("not reachable yet"), {
    timeoutMs: 60_000,
  });

  store.child.kill("SIGTERM");
  const { code, stderr } = await store.ended;

  expect(code).toBe(0);
  expect(stderr).not.toContain("s3cret");
});

test("a store that waits for Kafka stops at the first SIGTERM, and before whoever stops it loses patience", async () => {
  const database = await migratedDatabase();
  const [port = 0] = await freePorts(1);
  const store = run(join(ROOT, "trace-store", "bin", "kafka-trail.js"), {
    scriptArguments: ["up"],
    env: {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: `127.0.0.1:${port}`,
      KAFKA_TRAIL_HTTP_PORT: "0",
      KAFKA_TRAIL_OTLP_GRPC_PORT: "0",
      KAFKA_TRAIL_OTLP_HTTP_PORT: "0",
    },
  });
  const hasSaid = (text: string) => () => store.stderr().includes(text);
  await waitUntil("The search for Kafka", hasSaid("Failed to connect to seed broker"), { timeoutMs: 60_000 });

  const toldAt = Date.now();
  store.child.kill("SIGTERM");
  const { code } = await store.ended;

  expect(code).toBe(0);
  // kafkajs alone would look for the broker for half a minute.
  expect(Date.now() - toldAt).toBeLessThan(20_000);
  await database.drop();
});

test("a store beside a broker that never answers stops within ten seconds, and says what it left", async () => {
  const database = await migratedDatabase();
  let isAsked = false;
  const broker = createServer((socket) => {
    socket.on("data", () => (isAsked = true)).on("error", () => undefined);
  });
  await new Promise<void>((listening) => broker.listen(0, "127.0.0.1", listening));
  const { port } = broker.address() as AddressInfo;
  const store = run(join(ROOT, "trace-store", "bin", "kafka-trail.js"), {
    // The watcher alone: its question is then the one that is waited for.
    scriptArguments: ["up", "--only", "watch"],
    env: { DATABASE_URL: database.url, KAFKA_BROKERS: `127.0.0.1:${port}`, KAFKA_TRAIL_HTTP_PORT: "0" },
  });
  await waitUntil("A question to the broker", () => isAsked, { timeoutMs: 60_000 });

  const toldAt = Date.now();
  store.child.kill("SIGTERM");
  const { code, stderr } = await store.ended;

  expect(code).toBe(0);
  expect(stderr).toMatch(/"left":\["watcher"\].*not everything stopped within 8 s/);
  // Ten, and room for a busy machine; kafkajs alone waits for half a minute.
  expect(Date.now() - toldAt).toBeLessThan(20_000);
  broker.close();
  await database.drop();
}, 120_000);

test("a watcher without brokers is refused, rather than up with nothing to do", async () => {
  const { code, stderr } = await run(join(ROOT, "trace-store", "bin", "kafka-trail.js"), {
    scriptArguments: ["up", "--only", "watch"],
    env: { DATABASE_URL: "postgres://u@127.0.0.1:1/none", KAFKA_BROKERS: "" },
  }).ended;

  expect(code).toBe(2);
  expect(stderr).toContain("KAFKA_BROKERS is not set, so there is nothing to watch");
});

test.each([
  ["is not there", join(ROOT, "no-such.pem"), /^KAFKA_SSL_CA_FILE cannot be read: ENOENT/],
  ["is no PEM", join(ROOT, "package.json"), /^KAFKA_SSL_CA_FILE is .*package.json, which is not in PEM/],
])("a certificate that %s is a fault of Kafka's settings", (_name, caFile, said) => {
  const config = { brokers: ["localhost:9092"], clientId: "store", ssl: { caFile }, sasl: undefined };

  expect(() => createKafka(config, createLog("silent"))).toThrow(
    expect.objectContaining({ code: "TRAIL_CONFIG", message: expect.stringMatching(said) }),
  );
});
