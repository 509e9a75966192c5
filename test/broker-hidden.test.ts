import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { Kafka, logLevel } from "kafkajs";
import { startKafkaCluster, type KafkaCluster } from "../dev/kafka-cluster.ts";
import { waitUntil } from "../dev/wait.ts";
import { createLog } from "../trace-store/log.ts";
import { createQuery } from "../trace-store/query/query.ts";
import type { Query } from "../trace-store/query/questions.ts";
import { startWatcher, type Watcher } from "../trace-store/watch/start-watcher.ts";
import type { TestDatabase } from "./support/database.ts";
import { openPipe } from "./support/pipe.ts";
import { slicedDatabase } from "./support/sliced-database.ts";

// A broker of its own, with a door for a user who may see topics and no groups; and it goes away in the end.

jest.setTimeout(240_000);
const TOPIC = "orders";
const GROUP = "billing";
const USER = { username: "trail", password: "trail-secret" };
const WITHIN = { timeoutMs: 90_000, intervalMs: 200 };

let broker: KafkaCluster;
let pipe: { close(): Promise<void> };
let database: TestDatabase;
let query: Query;
const watchers: Watcher[] = [];

// Gives up soon: the watcher says what is wrong when its client does.
const retry = { retries: 2, initialRetryTime: 100, maxRetryTime: 500 };
const plain = () => new Kafka({ brokers: broker.brokers, logLevel: logLevel.NOTHING, retry });
const limited = () =>
  new Kafka({
    brokers: [`127.0.0.1:${broker.nodes[0]?.proxied.listenPort}`],
    sasl: { mechanism: "plain", ...USER },
    logLevel: logLevel.NOTHING,
    retry,
  });

beforeAll(async () => {
  broker = await startKafkaCluster({
    brokers: 1,
    properties: {
      "listener.security.protocol.map":
        "INTERNAL:PLAINTEXT,CLIENT:PLAINTEXT,PROXIED:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
      "listener.name.proxied.sasl.enabled.mechanisms": "PLAIN",
      "listener.name.proxied.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required user_${USER.username}="${USER.password}";`,
      "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
      "super.users": "User:ANONYMOUS",
    },
  });
  const { listenPort = 0, targetPort = 0 } = broker.nodes[0]?.proxied ?? {};
  pipe = await openPipe(listenPort, targetPort);
  database = await slicedDatabase();
  query = createQuery({ databaseUrl: database.url, settleMs: 0, connectionsMax: 4 });
  const admin = plain().admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic: TOPIC, numPartitions: 1 }], waitForLeaders: true });
  // Kafka's numbers: a topic, describe, allow, a literal name.
  const may = { principal: `User:${USER.username}`, host: "*", operation: 8, permissionType: 3 };
  await admin.createAcls({
    acl: [{ resourceType: 2, resourceName: "*", resourcePatternType: 3, ...may }],
  });
  const producer = plain().producer();
  await producer.connect();
  await producer.send({ topic: TOPIC, messages: Array.from({ length: 4 }, (_, i) => ({ value: `${i}` })) });
  await producer.disconnect();
  await admin.setOffsets({ groupId: GROUP, topic: TOPIC, partitions: [{ partition: 0, offset: "2" }] });
  await admin.disconnect();
});
afterAll(async () => {
  for (const watcher of watchers) await watcher.stop();
  await query.close();
  await database.drop();
  await pipe.close();
  await broker.stop();
});

async function watch(kafka: Kafka): Promise<Watcher> {
  const watcher = startWatcher({
    kafka,
    databaseUrl: database.url,
    cluster: "",
    excludeTopics: [],
    excludeGroups: [],
    pollMs: 200,
    log: createLog("silent"),
  });
  watchers.push(watcher);
  return watcher;
}

const problem = async () => (await query.freshness()).watchers[0]?.problem ?? undefined;

async function told(offset: number): Promise<string[]> {
  const answer = await query.message({ topic: TOPIC, partition: 0, messageOffset: String(offset) });
  if (!answer.found) return [answer.sentence];
  return answer.groups.map(({ consumerGroup, verdict, why }) => `${consumerGroup} ${verdict}: ${why}`);
}

test("without the right to see groups nothing is said of them, and why", async () => {
  const watcher = await watch(limited());

  await waitUntil(
    "The watcher saying what it lacks",
    async () => (await problem())?.includes("group"),
    WITHIN,
  );

  expect(await problem()).toBe(
    "No consumer group is shown: there is none, or this user may not see them (grant Describe on groups).",
  );
  expect(await told(1)).toEqual([]);
  await watcher.stop();
});

test("a group that is not shown any more is unknown, and never lost", async () => {
  const all = await watch(plain());
  const knows = async (what: string) => (await told(3)).join().startsWith(what);
  await waitUntil("The group being seen", () => knows(`${GROUP} WAITING`), WITHIN);
  expect(await told(1)).toEqual([`${GROUP} PASSED_UNTRACED: the group has committed 2; no spans name it`]);
  await all.stop();

  const blind = await watch(limited());

  await waitUntil("The group being unknown", () => knows(`${GROUP} UNKNOWN`), WITHIN);
  expect(await told(3)).toEqual([
    `${GROUP} UNKNOWN: the group's offset is not shown any more: it was deleted, or the watcher may not see the group`,
  ]);
  expect(await told(1)).toEqual([`${GROUP} PASSED_UNTRACED: the group has committed 2; no spans name it`]);
  await blind.stop();
});

test("with the broker away what may have changed since is unknown, with the reason", async () => {
  await watch(plain());
  const knows = async (what: string) => (await told(3)).join().startsWith(what);
  await waitUntil("The group being seen", () => knows(`${GROUP} WAITING`), WITHIN);

  await broker.kill(1);

  const isSaid = async () => (await problem())?.startsWith("The broker could not be looked at: ");
  await waitUntil("The watcher saying that it cannot look", isSaid, WITHIN);
  await waitUntil("The broker being missed", () => knows(`${GROUP} UNKNOWN`), WITHIN);
  expect(await told(3)).toEqual([`${GROUP} UNKNOWN: the broker's offsets were not looked at lately`]);
  expect(await told(1)).toEqual([`${GROUP} PASSED_UNTRACED: the group has committed 2; no spans name it`]);
});
