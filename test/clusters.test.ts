import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { aSpan, encodeTraces, Kind, type Attributes } from "./support/otlp.ts";
import { openPeerStore, type PeerStore } from "./support/peer-store.ts";
import type { Truth } from "./support/peer-runs.ts";

// A Java agent names the broker's own id, our library the name it was told, most name no cluster at all.

let store: PeerStore;
beforeAll(async () => {
  store = await openPeerStore();
});
afterAll(() => store.close());

const CLUSTER_ID = "messaging.kafka.cluster.id";

function processed(topic: string, cluster: string | undefined, group: string): Buffer {
  const attributes: Attributes = {
    "messaging.system": "kafka",
    "messaging.operation": "process",
    "messaging.destination.name": topic,
    "messaging.destination.partition.id": "0",
    "messaging.kafka.message.offset": 0,
    "messaging.kafka.consumer.group": group,
    ...(cluster !== undefined && { [CLUSTER_ID]: cluster }),
  };
  return encodeTraces([aSpan({ kind: Kind.consumer, name: `${topic} process`, service: group, attributes })]);
}

const truthOf = (topic: string, groups: readonly string[]): Truth => ({
  topics: { [topic]: { partitions: { 0: { log_start: 0, log_end: 2 } } } },
  groups: Object.fromEntries(
    groups.map((group) => [group, { partitions: { [topic]: { 0: { committed: 1 } } } }]),
  ),
  messages: [],
});

async function verdicts(topic: string, cluster?: string): Promise<string[]> {
  const at = { topic, partition: 0, messageOffset: "0", ...(cluster !== undefined && { cluster }) };
  const answer = await store.query.message(at);
  if (!answer.found) return [answer.reason];
  return answer.groups.map(({ consumerGroup, verdict }) => `${consumerGroup} ${verdict}`);
}

// First: what the writer knows of lives it asks for at its first write.
test("in a topic made anew, spans that name the broker's id tell of the new life", async () => {
  await store.tellTruth(truthOf("anew", ["billing"]), "centre", "centreId23456789abcdef");
  await store.database.pool.query(
    `INSERT INTO trail_private.topic_incarnations
     SELECT topic_id, 2, NULL, now() - interval '10 minutes' FROM trail_private.topics WHERE name = 'anew'`,
  );

  await store.take([processed("anew", "centreId23456789abcdef", "billing")]);

  const { rows } = await store.database.pool.query(
    `SELECT l.incarnation, l.ranges::text FROM trail_private.ledger l JOIN trail_private.topics t USING (topic_id)
     WHERE t.name = 'anew' AND l.consumer_group_id > 0`,
  );
  expect(rows).toEqual([{ incarnation: 2, ranges: "{[0,1)}" }]);
});

test("spans that name the broker's id, its configured name or nothing all meet the watcher's truth", async () => {
  const groups = ["by-id", "by-name", "by-nothing"];
  await store.tellTruth(truthOf("orders", groups), "east", "gFOyK3IATLCngGHDElq8pg");
  await store.take([
    processed("orders", "gFOyK3IATLCngGHDElq8pg", "by-id"),
    processed("orders", "east", "by-name"),
    processed("orders", undefined, "by-nothing"),
  ]);
  const delivered = groups.map((group) => `${group} DELIVERED`);

  expect(await verdicts("orders")).toEqual(delivered);
  expect(await verdicts("orders", "east")).toEqual(delivered);
  expect(await verdicts("orders", "gFOyK3IATLCngGHDElq8pg")).toEqual(delivered);
});

test("equal topics of two clusters are told apart by either of their names, and share nothing", async () => {
  await store.tellTruth(truthOf("stock", ["billing"]), "west", "westId0123456789abcdef");
  await store.tellTruth(truthOf("stock", ["billing"]), "north", "northId123456789abcdef");
  await store.take([processed("stock", "westId0123456789abcdef", "billing")]);

  expect(await verdicts("stock", "west")).toEqual(["billing DELIVERED"]);
  expect(await verdicts("stock", "westId0123456789abcdef")).toEqual(["billing DELIVERED"]);
  expect(await verdicts("stock", "north")).toEqual(["billing PASSED_UNTRACED"]);
  expect(await verdicts("stock", "northId123456789abcdef")).toEqual(["billing PASSED_UNTRACED"]);
});

test("spans that name no cluster are the nameless cluster's, where there is one", async () => {
  await store.tellTruth(truthOf("bills", ["billing"]), "", "namelessId3456789abcde");
  await store.tellTruth(truthOf("bills", ["billing"]), "south", "southId123456789abcdef");
  await store.take([processed("bills", undefined, "billing")]);

  expect(await verdicts("bills", "")).toEqual(["billing DELIVERED"]);
  expect(await verdicts("bills", "namelessId3456789abcde")).toEqual(["billing DELIVERED"]);
  expect(await verdicts("bills", "south")).toEqual(["billing PASSED_UNTRACED"]);
});
