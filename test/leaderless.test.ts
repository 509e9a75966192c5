import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Kafka, logLevel } from "kafkajs";
import { startKafkaCluster, type KafkaCluster } from "../dev/kafka-cluster.ts";
import { waitUntil } from "../dev/wait.ts";
import type { TestDatabase } from "./support/database.ts";
import { ROOT, run, type Running } from "./support/program.ts";
import { slicedDatabase } from "./support/sliced-database.ts";

// Two brokers, and the only replica of one partition on the one that dies. kafkajs alone shows nothing of a cluster then.

jest.setTimeout(240_000);
const WITHIN = { timeoutMs: 90_000, intervalMs: 200 };

let cluster: KafkaCluster;
let database: TestDatabase;
let watcher: Running;

const kafka = () =>
  new Kafka({
    brokers: cluster.brokers,
    logLevel: logLevel.NOTHING,
    retry: { retries: 2, initialRetryTime: 100, maxRetryTime: 500 },
  });

beforeAll(async () => {
  cluster = await startKafkaCluster({ brokers: 2, isShortLived: true });
  database = await slicedDatabase();
  const admin = kafka().admin();
  await admin.connect();
  const topics = [
    {
      topic: "orders",
      replicaAssignment: [
        { partition: 0, replicas: [2] },
        { partition: 1, replicas: [1] },
      ],
    },
    { topic: "payments", replicaAssignment: [{ partition: 0, replicas: [1] }] },
  ];
  await admin.createTopics({ topics, waitForLeaders: true });
  // With a commit there is a stream of commits to read, by a consumer that the broker's death ends.
  await admin.setOffsets({
    groupId: "billing",
    topic: "payments",
    partitions: [{ partition: 0, offset: "0" }],
  });
  await admin.disconnect();
  await send("orders", 0);
  await send("orders", 1);
  await send("payments", 0);
  // A process of its own, as an operator runs it: in kafkajs's hands it may stand still, and no test of its own would end.
  watcher = run(join(ROOT, "trace-store", "bin", "kafka-trail.js"), {
    scriptArguments: ["up", "--only", "watch"],
    env: {
      DATABASE_URL: database.url,
      KAFKA_BROKERS: cluster.brokers.join(","),
      KAFKA_TRAIL_WATCH_POLL_MS: "1000",
      KAFKA_TRAIL_HTTP_PORT: "0",
    },
  });
});
afterAll(async () => {
  watcher?.child.kill("SIGKILL");
  await watcher?.ended;
  await database?.drop();
  await cluster?.stop();
});

async function send(topic: string, partition: number): Promise<void> {
  const producer = kafka().producer();
  await producer.connect();
  await producer.send({ topic, messages: [{ partition, value: "v" }] });
  await producer.disconnect();
}

async function ends(): Promise<string> {
  const { rows } = await database.pool.query<{ log: string }>(
    `SELECT t.name || '/' || p.partition || ' ' || p.log_end AS log FROM trail_private.log_positions p
     JOIN trail_private.topics t USING (topic_id) WHERE t.name IN ('orders', 'payments') ORDER BY 1`,
  );
  return rows.map(({ log }) => log).join(", ");
}

async function problem(): Promise<string> {
  const { rows } = await database.pool.query<{ problem: string | null }>(
    "SELECT problem FROM trail_private.watchers",
  );
  return rows[0]?.problem ?? "";
}

const areEnds = (expected: string) => async () => (await ends()) === expected;

test("while a partition has no leader all the others are looked at, and the watcher names it", async () => {
  await waitUntil("All partitions being seen", areEnds("orders/0 1, orders/1 1, payments/0 1"), WITHIN);

  await cluster.kill(2);

  const isNamed = async () => (await problem()).includes("Partitions without a leader: 1, orders/0.");
  await waitUntil("The partition being named", isNamed, WITHIN);
  await send("payments", 0);
  await waitUntil("The others being looked at", areEnds("orders/0 1, orders/1 1, payments/0 2"), WITHIN);
  expect(await isNamed()).toBe(true);
});

test("with its leader back the partition is looked at again", async () => {
  await cluster.startNode(2);
  await send("orders", 0);

  await waitUntil("The partition being seen again", areEnds("orders/0 2, orders/1 1, payments/0 2"), WITHIN);
  expect(await problem()).not.toContain("leader");
  watcher.child.kill("SIGTERM");
  expect((await watcher.ended).code).toBe(0);
});
