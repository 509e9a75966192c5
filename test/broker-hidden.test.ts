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

// A broker of its own, with a door for a user who may see all topics but one and no groups; and it goes away in the end.

jest.setTimeout(240_000);
const TOPIC = "orders";
const OTHER = "payments";
/** The limited user may not describe it, and the broker then shows its name to nobody who asks for all topics. */
const SECRET = "secret";
const GROUP = "billing";
const USER = { username: "trail", password: "trail-secret" };
const NO_GROUPS =
  "No consumer group is shown: there is none, or this user may not see them (grant Describe on groups).";
const WITHIN = { timeoutMs: 90_000, intervalMs: 200 };

let broker: KafkaCluster;
let pipe: { close(): Promise<void> };
/** A topic of which the limited user's broker tells an error in place of its partitions. */
let refused: string | undefined;
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
  pipe = await openPipe(listenPort, targetPort, (apiKey, answer) => {
    if (apiKey === METADATA && refused !== undefined) tellErrorOf(refused, answer);
  });
  database = await slicedDatabase();
  query = createQuery({ databaseUrl: database.url, settleMs: 0, connectionsMax: 4 });
  const admin = plain().admin();
  await admin.connect();
  const topics = [TOPIC, OTHER, SECRET].map((topic) => ({ topic, numPartitions: 1 }));
  await admin.createTopics({ topics, waitForLeaders: true });
  // Kafka's numbers: a topic, a literal name, describe.
  const described = { resourceType: 2, resourcePatternType: 3, operation: 8 };
  const who = { principal: `User:${USER.username}`, host: "*" };
  const [deny, allow] = [2, 3];
  await admin.createAcls({
    acl: [
      { resourceName: "*", permissionType: allow, ...described, ...who },
      { resourceName: SECRET, permissionType: deny, ...described, ...who },
    ],
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

const METADATA = 3;
const TOPIC_AUTHORIZATION_FAILED = 29;

/** Changes what a Metadata answer says of a topic: its error code (int16) stands before its name, which begins with its length. */
function tellErrorOf(topic: string, answer: Buffer): void {
  const name = Buffer.from(`\0${String.fromCodePoint(topic.length)}${topic}`);
  const at = answer.indexOf(name);
  if (at >= 0) answer.writeInt16BE(TOPIC_AUTHORIZATION_FAILED, at - 2);
}

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

/** The watched topics whose log ends are known, and where those are. */
async function ends(): Promise<string> {
  const { rows } = await database.pool.query<{ log: string }>(
    `SELECT t.name || ' ' || p.log_end AS log FROM trail_private.log_positions p
     JOIN trail_private.topics t USING (topic_id) WHERE t.name = ANY ($1) ORDER BY 1`,
    [[TOPIC, OTHER, SECRET]],
  );
  return rows.map(({ log }) => log).join(", ");
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

  expect(await problem()).toBe(NO_GROUPS);
  expect(await told(1)).toEqual([]);
  await watcher.stop();
});

test("a topic that the user may not see is not looked at, and every other one is", async () => {
  const watcher = await watch(limited());

  await waitUntil(
    "The other topics being seen",
    async () => (await ends()) === "orders 4, payments 0",
    WITHIN,
  );

  const answer = await query.message({ topic: SECRET, partition: 0, messageOffset: "0" });
  expect(answer).toMatchObject({
    found: false,
    sentence: expect.stringContaining(
      "The watcher knows no partition secret/0: there is none, or it may not see the topic (grant Describe).",
    ),
  });
  await watcher.stop();
});

test("a topic of which the broker tells an error is named, and every other one is looked at", async () => {
  refused = TOPIC;
  const watcher = await watch(limited());
  await waitUntil("The topic being named", async () => (await problem())?.includes(TOPIC), WITHIN);
  expect(await problem()).toBe(`Topics that could not be read: 1, orders. ${NO_GROUPS}`);

  const producer = plain().producer();
  await producer.connect();
  await producer.send({ topic: OTHER, messages: [{ value: "0" }] });
  await producer.disconnect();
  await waitUntil("The other topic being read", async () => (await ends()).includes("payments 1"), WITHIN);
  refused = undefined;

  await waitUntil("No topic being named", async () => (await problem()) === NO_GROUPS, WITHIN);
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
