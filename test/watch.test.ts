import { spawn } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import { Kafka, logLevel } from "kafkajs";
import { pino } from "pino";
import { findKafkaRuntime } from "../dev/kafka-jars.ts";
import { quiet } from "../dev/progress.ts";
import type { Watcher, WatcherOptions } from "../trace-store/watch/start-watcher.ts";
import { TruthWriter } from "../trace-store/watch/truth-writer.ts";
import type { TestDatabase } from "./support/database.ts";
import { slicedDatabase } from "./support/sliced-database.ts";
import { withClient } from "./support/stores.ts";
import { createTopic, makeTopicAnew } from "./support/topics.ts";
import { appendMessages, commitOffset, untilRow, watcherOf, withAdmin } from "./support/watching.ts";

let database: TestDatabase;
const running: Watcher[] = [];

beforeAll(async () => {
  database = await slicedDatabase();
});
afterEach(async () => {
  for (const watcher of running.splice(0)) await watcher.stop();
});
afterAll(() => database.drop());

async function watching(topic: string, options: Partial<WatcherOptions> = {}): Promise<Watcher> {
  const watcher = await watcherOf(database, topic, { cluster: topic, ...options });
  running.push(watcher);
  return watcher;
}

/** The same, and looked at the broker once. */
async function ready(topic: string, options: Partial<WatcherOptions> = {}): Promise<Watcher> {
  const watcher = await watching(topic, options);
  await watcher.ready;
  return watcher;
}

const POSITION = `
  SELECT p.committed::int, p.first_position::int, p.committed_max::int, p.incarnation, p.expired::text,
    p.gone_at IS NOT NULL AS is_gone, abs(extract(epoch FROM now() - p.committed_at)) < 60 AS is_recent, s.state, s.members
  FROM trail_private.group_positions p
  JOIN trail_private.topics t USING (topic_id) JOIN trail_private.consumer_groups g USING (consumer_group_id)
  LEFT JOIN trail_private.group_states s USING (consumer_group_id)
  WHERE t.cluster = $1 AND t.name = $1 AND g.name = $2 ORDER BY p.incarnation DESC`;
const LOG = `
  SELECT p.log_start::int, p.log_end::int, p.first_end::int, p.incarnation
  FROM trail_private.log_positions p JOIN trail_private.topics t USING (topic_id)
  WHERE t.cluster = $1 AND t.name = $1 ORDER BY p.incarnation DESC`;

test.each(["consumer_offsets", "poll"] as const)(
  "a group's commits are seen by way of %s, rewinds included",
  async (way) => {
    const topic = await createTopic("watch-way");
    const group = `${topic}-billing`;
    await ready(topic, { way });
    await appendMessages(topic, 10);
    await untilRow(database, LOG, [topic], { log_start: 0, log_end: 10, first_end: 0 });

    await commitOffset(group, topic, 8);
    await untilRow(database, POSITION, [topic, group], {
      committed: 8,
      first_position: 0,
      state: "Empty",
      members: 0,
      is_recent: true,
    });
    await commitOffset(group, topic, 3);

    await untilRow(database, POSITION, [topic, group], { committed: 3, committed_max: 8, incarnation: 1 });
    const { rows: changes } = await database.pool.query(
      `SELECT c.committed::int FROM trail_private.group_position_changes c JOIN trail_private.topics t USING (topic_id)
     WHERE t.cluster = $1 AND t.name = $1 ORDER BY c.committed_at`,
      [topic],
    );
    expect(changes.map((it) => it.committed)).toEqual([8, 3]);
    const { rows: watchers } = await database.pool.query(
      "SELECT way, problem FROM trail_private.watchers WHERE cluster = $1",
      [topic],
    );
    expect(watchers).toEqual([{ way, problem: null }]);
  },
);

test("a group that begins at the log's end is held to nothing before, though the log has grown since", async () => {
  const topic = await createTopic("watch-latest");
  const group = `${topic}-late`;
  const watcher = await ready(topic);
  await appendMessages(topic, 3);
  await untilRow(database, LOG, [topic], { log_end: 3 });
  await watcher.stop();

  await commitOffset(group, topic, 3);
  await appendMessages(topic, 1);
  // The first look sees both at once.
  await ready(topic, { way: "poll" });

  await expect(
    untilRow(database, POSITION, [topic, group], { committed: 3, first_position: 3 }),
  ).resolves.toBeDefined();
});

test("a topic made anew begins a new life, and the old one's offsets are not its", async () => {
  const topic = await createTopic("watch-anew");
  const group = `${topic}-billing`;
  await ready(topic);
  await appendMessages(topic, 5);
  await commitOffset(group, topic, 5);
  await untilRow(database, POSITION, [topic, group], { committed: 5, incarnation: 1 });

  await makeTopicAnew(topic);
  await appendMessages(topic, 7);

  await untilRow(database, LOG, [topic], { incarnation: 2, log_start: 0, log_end: 7 });
  await commitOffset(group, topic, 2);
  await expect(
    untilRow(database, POSITION, [topic, group], { incarnation: 2, committed: 2, committed_max: 2 }),
  ).resolves.toBeDefined();
});

test("what retention took before the group got there is kept as expired", async () => {
  const topic = await createTopic("watch-retention");
  const group = `${topic}-slow`;
  await ready(topic);
  await appendMessages(topic, 10);
  await commitOffset(group, topic, 2);
  await untilRow(database, POSITION, [topic, group], { committed: 2, expired: "{}" });

  await withAdmin(async (admin) => {
    await admin.fetchTopicMetadata({ topics: [topic] }); // Without it kafkajs knows no leader to ask.
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: "6" }] });
  });

  await untilRow(database, LOG, [topic], { log_start: 6, log_end: 10 });
  await untilRow(database, POSITION, [topic, group], { expired: "{[2,6)}" });
  await commitOffset(group, topic, 10);
  await expect(
    untilRow(database, POSITION, [topic, group], { committed: 10, expired: "{[2,6)}" }),
  ).resolves.toBeDefined();
});

test("a group that was deleted is gone, and its last position is kept", async () => {
  const topic = await createTopic("watch-deleted");
  const group = `${topic}-once`;
  await ready(topic);
  await appendMessages(topic, 3);
  await commitOffset(group, topic, 3);
  // Its commit is seen before it is listed for the first time; only what was listed can be missed.
  await untilRow(database, POSITION, [topic, group], { committed: 3, is_gone: false, state: "Empty" });

  await withAdmin((admin) => admin.deleteGroups([group]));

  await expect(
    untilRow(database, POSITION, [topic, group], { committed: 3, is_gone: true, state: "Gone" }),
  ).resolves.toBeDefined();
});

test("a group that was deleted before any look listed it is gone as well, at the second look without it", async () => {
  const cluster = "watch-unlisted";
  const sweep = {
    at: new Date(),
    clusterId: "test",
    topics: [
      { topic: cluster, topicUuid: null, leaderless: [], logs: [{ partition: 0, logStart: 0n, logEnd: 9n }] },
    ],
    groups: [],
    commits: [],
    way: "consumer_offsets" as const,
    pollMs: 100,
    problem: null,
  };
  const states = () =>
    database.pool.query(
      `SELECT g.name, s.state FROM trail_private.consumer_groups g LEFT JOIN trail_private.group_states s USING (consumer_group_id)
       WHERE g.cluster = $1 ORDER BY 1`,
      [cluster],
    );
  const seen: unknown[] = [];

  await withClient(database.url, async (client) => {
    const writer = await TruthWriter.open(client, cluster);
    await writer.writeSweep(sweep);
    const commit = { groupId: "once", topic: cluster, partition: 0, committed: 3n, atMs: Date.now() };
    await writer.writeCommits([commit]);
    for (let look = 0; look < 2; look++) {
      await writer.writeSweep(sweep);
      seen.push((await states()).rows);
    }
  });

  expect(seen).toEqual([[{ name: "once", state: null }], [{ name: "once", state: "Gone" }]]);
});

test("of two watchers of one cluster one works, and the other takes over when it stops", async () => {
  const topic = await createTopic("watch-election");
  const first = await ready(topic);
  await ready(topic);
  const holders = () =>
    database.pool.query(
      "SELECT count(*)::int AS held FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())",
    );
  expect((await holders()).rows).toEqual([{ held: 1 }]);

  await first.stop();
  await appendMessages(topic, 4);

  await untilRow(database, LOG, [topic], { log_end: 4 });
});

test("a watcher whose session dies says why, takes its office again and looks on", async () => {
  const topic = await createTopic("watch-session");
  const lines: string[] = [];
  const log = pino({ level: "warn" }, { write: (line) => void lines.push(line) });
  await ready(topic, { way: "poll", log });

  const { rowCount } = await database.pool.query(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND application_name = 'kafka-trail watcher'`,
  );
  await appendMessages(topic, 4);

  expect(rowCount).toBe(1);
  await untilRow(database, LOG, [topic], { log_end: 4 });
  expect(lines.join()).toContain("terminating connection due to administrator command");
  expect(lines.join()).toContain("the watcher starts over");
});

test("a broker that is not there is said to be so in the watcher's row", async () => {
  const nowhere = new Kafka({ brokers: ["127.0.0.1:1"], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
  const topic = "watch-nowhere";
  await watching(topic, { kafka: nowhere });

  await expect(
    untilRow(
      database,
      "SELECT problem LIKE 'The broker could not be looked at: %' AS is_said FROM trail_private.watchers WHERE cluster = $1",
      [topic],
      { is_said: true },
    ),
  ).resolves.toBeDefined();
});

test("a group of the new protocol has offsets, and members nobody can count", async () => {
  const { java: program, classPath } = await findKafkaRuntime(quiet);
  const topic = await createTopic("watch-848");
  const group = `${topic}-java`;
  await ready(topic);
  await appendMessages(topic, 6);
  const source = join(__dirname, "support", "Consumer848.java");
  const java = spawn(
    program,
    ["-cp", classPath, source, process.env["KAFKA_BROKERS"] ?? "", topic, group, "30000"],
    { stdio: "ignore" },
  );

  try {
    await expect(
      untilRow(database, POSITION, [topic, group], { committed: 6, state: "Dead", members: null }),
    ).resolves.toBeDefined();
  } finally {
    java.kill();
  }
});
