import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { forwardHeaders } from "kafka-trail";
import { waitUntil } from "../dev/wait.ts";
import { consumeUntil, openBrokerStore, sendSome, type BrokerStore } from "./support/broker-store.ts";
import { createTopic, createTopicNamed, makeTopicAnew, uniqueTopicName } from "./support/topics.ts";
import { commitOffset, withAdmin } from "./support/watching.ts";

// What happens to messages on a real broker, with real clients, and what the store says of it.

jest.setTimeout(150_000);
const PREFIX = uniqueTopicName("told");
let store: BrokerStore;

beforeAll(async () => {
  store = await openBrokerStore(PREFIX);
});
afterAll(() => store.close());

const newTopic = () => createTopic(PREFIX);
const groupOf = (topic: string, name: string) => `${topic}-${name}`;

/** A traced group that handles so many messages and stops. */
async function handle(topic: string, groupId: string, count: number): Promise<void> {
  const handled = new Set<string>();
  await consumeUntil(
    store.traced,
    { topic, groupId },
    async ({ message }) => void handled.add(message.offset),
    () => handled.size >= count,
  );
}

test("a consumer that nobody traces has passed it untraced, and nothing worse", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "legacy");
  await sendSome(store.traced, topic, 3);
  let seen = 0;

  await consumeUntil(
    store.plain,
    { topic, groupId },
    async () => void (seen += 1),
    () => seen === 3,
  );

  const { groups, message } = await store.untilVerdicts(
    { topic, messageOffset: 1 },
    { [groupId]: "PASSED_UNTRACED" },
  );
  expect(groups[0]?.why).toBe("the group has committed 3; no spans name it");
  expect(message).toMatchObject({ verdict: "APPENDED", service: "shop" });
});

test("a consumer that was stopped keeps the rest waiting, and is offline", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "email");
  await sendSome(store.traced, topic, 2);
  await handle(topic, groupId, 2);
  await sendSome(store.traced, topic, 3);

  await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "DELIVERED" });
  await store.untilSeen(topic, 5);
  const { groups } = await store.untilVerdicts({ topic, messageOffset: 4 }, { [groupId]: "WAITING" });

  expect(groups[0]).toMatchObject({ aheadMessages: "2", flags: ["offline"], committed: "2" });
});

test("a consumer that fails retries, and has failed when the group goes past it", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "billing");
  await sendSome(store.traced, topic, 3);
  let failures = 0;

  await consumeUntil(
    store.traced,
    { topic, groupId },
    async ({ message }) => {
      if (message.offset !== "1") return;
      failures += 1;
      throw new Error("card declined");
    },
    () => failures >= 2,
  );
  await store.untilVerdicts({ topic, messageOffset: 0 }, { [groupId]: "DELIVERED" });
  const retrying = await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "RETRYING" });
  await commitOffset(groupId, topic, 2);
  const failed = await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "FAILED" });

  expect(retrying.groups[0]?.failedAttempts).toBeGreaterThanOrEqual(2);
  // 3, when kafkajs's restart of the stopped consumer comes late and handles the next one.
  expect(failed.groups[0]?.why).toMatch(/and the group has committed [23]$/);
});

test("what was deleted before the group got there is expired", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "slow");
  await sendSome(store.traced, topic, 6);
  await store.untilSeen(topic, 6);
  await commitOffset(groupId, topic, 2);
  await store.untilVerdicts({ topic, messageOffset: 3 }, { [groupId]: "WAITING" });

  await withAdmin(async (admin) => {
    await admin.fetchTopicMetadata({ topics: [topic] }); // Without it kafkajs knows no leader to ask.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "4" }] });
  });

  await store.untilVerdicts({ topic, messageOffset: 3 }, { [groupId]: "EXPIRED" });
  await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "PASSED_UNTRACED" });
  await expect(
    store.untilVerdicts({ topic, messageOffset: 4 }, { [groupId]: "WAITING" }),
  ).resolves.toBeDefined();
});

test("a message of an aborted transaction is aborted, and visible to nobody", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "billing");
  const producer = store.traced.producer({
    transactionalId: topic,
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const transaction = await producer.transaction();
  await transaction.send({ topic, messages: [{ key: "a", value: "1", partition: 0 }] });
  await transaction.abort();
  await producer.disconnect();
  await sendSome(store.traced, topic, 1);

  await handle(topic, groupId, 1);

  const { message } = await store.untilVerdicts({ topic, messageOffset: 0 }, { [groupId]: "NOT_VISIBLE" });
  expect(message.verdict).toBe("ABORTED");
  await expect(
    store.untilVerdicts({ topic, messageOffset: 2 }, { [groupId]: "DELIVERED" }),
  ).resolves.toBeDefined();
});

test("a group that is set back has still delivered it, and is said to be rewound", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "billing");
  await sendSome(store.traced, topic, 2);
  await handle(topic, groupId, 2);
  await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "DELIVERED" });

  await commitOffset(groupId, topic, 0);

  const isRewound = async () => {
    const { groups } = await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "DELIVERED" });
    return groups[0]?.flags.includes("rewound");
  };
  const seen = waitUntil("The rewind being seen", isRewound, { timeoutMs: 60_000, intervalMs: 200 });
  await expect(seen).resolves.toBe(true);
});

test("in a topic made anew nothing of the old one counts", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "billing");
  await sendSome(store.traced, topic, 3);
  await handle(topic, groupId, 3);
  await store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "DELIVERED" });

  await makeTopicAnew(topic);
  await sendSome(store.traced, topic, 2);
  await store.untilSeen(topic, 2);
  await store.untilVerdicts({ topic, messageOffset: 1 }, {});
  await commitOffset(groupId, topic, 1);

  await store.untilVerdicts({ topic, messageOffset: 0 }, { [groupId]: "PASSED_UNTRACED" });
  await expect(
    store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "WAITING" }),
  ).resolves.toBeDefined();
});

test("what was there before a group began is not its business", async () => {
  const topic = await newTopic();
  const groupId = groupOf(topic, "late");
  await sendSome(store.traced, topic, 3);
  await store.untilSeen(topic, 3);

  await commitOffset(groupId, topic, 3);
  await sendSome(store.traced, topic, 1);
  await store.untilSeen(topic, 4);

  await store.untilVerdicts({ topic, messageOffset: 2 }, { [groupId]: "BEFORE_GROUP" });
  await expect(
    store.untilVerdicts({ topic, messageOffset: 3 }, { [groupId]: "WAITING" }),
  ).resolves.toBeDefined();
});

test("a failure that is caught and forwarded is a dead letter, though its handler returned well", async () => {
  const topic = await newTopic();
  const [letters, groupId] = [`${topic}.dlq`, groupOf(topic, "billing")];
  await createTopicNamed(letters);
  await sendSome(store.traced, topic, 2);
  const producer = store.traced.producer({ allowAutoTopicCreation: false });
  await producer.connect();
  const handled = new Set<string>();

  await consumeUntil(
    store.traced,
    { topic, groupId },
    async ({ message }) => {
      const error = new Error("card declined");
      if (message.offset === "0") {
        const { key, value } = message;
        await producer.send({
          topic: letters,
          messages: [{ key, value, partition: 0, headers: forwardHeaders(message, { error }) }],
        });
      }
      handled.add(message.offset);
    },
    () => handled.size === 2,
  );
  await producer.disconnect();

  const { groups } = await store.untilVerdicts({ topic, messageOffset: 0 }, { [groupId]: "DEAD_LETTERED" });
  expect(groups[0]?.forwardedTo).toBe(`${letters}/0/0`);
  await expect(
    store.untilVerdicts({ topic, messageOffset: 1 }, { [groupId]: "DELIVERED" }),
  ).resolves.toBeDefined();
});
