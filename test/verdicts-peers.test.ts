import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { createWriter } from "../trace-store/write/writer.ts";
import type { TestDatabase } from "./support/database.ts";
import { peerRows, peerTruth } from "./support/peers.ts";
import { slicedDatabase } from "./support/sliced-database.ts";
import { aPart } from "./support/span-rows.ts";

/** What the brokers said when the captures were made: committed offsets by group and partition, and log ends. */
const BROKER = {
  "java-plain": {
    topic: "orders-java",
    logEnds: [100, 102, 98],
    committed: { "billing-java": [100, 102, 98], "inventory-java": [66, 77, 57] },
  },
  "go-kotel": {
    topic: "orders-go",
    logEnds: [62, 66, 72],
    committed: { "billing-go": [62, 66, 72], "audit-go": [35, 41, 44] },
  },
} as const;

let database: TestDatabase;

beforeAll(async () => {
  database = await slicedDatabase();
});
afterAll(() => database.drop());

async function storeCapture(peer: keyof typeof BROKER): Promise<void> {
  const writer = createWriter({ databaseUrl: database.url, retentionMs: 3_650 * 86_400_000 });
  await writer.write({ parts: [aPart(peerRows(peer, true))] });
  await writer.close();
  const { topic, logEnds, committed } = BROKER[peer];
  const positions = Object.entries<readonly number[]>(committed).flatMap(([group, offsets]) =>
    offsets.map((offset, partition) => ({ group, partition, offset })),
  );
  // The watcher's cluster has its own name; the spans name it by the broker's id, or not at all.
  await database.pool.query(
    `WITH w AS (
       INSERT INTO trail_private.watchers (cluster, way, poll_ms, swept_at) VALUES ($1, 'poll', 3600000, now())
     ), t AS (
       INSERT INTO trail_private.topics (cluster, name) VALUES ($1, $2) RETURNING topic_id
     ), i AS (
       INSERT INTO trail_private.topic_incarnations SELECT topic_id, 1, NULL, now() - interval '1 hour' FROM t
     ), l AS (
       INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
       SELECT topic_id, 1, p - 1, 0, e, 0, now() - interval '1 hour', now() FROM t, unnest($3::int[]) WITH ORDINALITY AS e (e, p)
     ), g AS (
       INSERT INTO trail_private.consumer_groups (cluster, name) SELECT DISTINCT $1, name FROM unnest($4::text[]) AS n (name)
       RETURNING consumer_group_id, name
     )
     INSERT INTO trail_private.group_positions (consumer_group_id, topic_id, incarnation, partition, committed, first_position,
       committed_max, first_seen_at, committed_at)
     SELECT g.consumer_group_id, t.topic_id, 1, p.partition, p.at, 0, p.at, now() - interval '1 hour', now() - interval '30 minutes'
     FROM t, g JOIN unnest($4::text[], $5::int[], $6::int[]) AS p (name, partition, at) ON p.name = g.name`,
    [
      `watched-${peer}`,
      topic,
      logEnds,
      positions.map((it) => it.group),
      positions.map((it) => it.partition),
      positions.map((it) => it.offset),
    ],
  );
}

/** The truth's words, as verdicts. Who has not been handed a message waits for it. */
const VERDICT_OF: Readonly<Record<string, string>> = {
  processed_ok: "DELIVERED",
  sent_to_dlq: "DEAD_LETTERED",
};

test.each(["java-plain", "go-kotel"] as const)(
  "every message of the capture %s gets the verdicts of its truth",
  async (peer) => {
    await storeCapture(peer);
    const { topic, committed } = BROKER[peer];
    const messages = peerTruth(peer).filter((it) => it.topic === topic);
    const differences: string[] = [];

    for (const { partition, offset, delivered_to: delivered } of messages) {
      const { rows } = await database.pool.query<{ consumer_group: string; verdict: string }>(
        "SELECT consumer_group, verdict FROM trail.verdicts($1, $2, $3)",
        [topic, partition, offset],
      );
      for (const group of Object.keys(committed)) {
        const outcome = delivered.find((it) => it.group === group)?.outcome;
        const wanted = outcome === undefined ? "WAITING" : (VERDICT_OF[outcome] ?? outcome);
        const given = rows.filter((it) => it.consumer_group === group).map((it) => it.verdict);
        if (given.join() !== wanted)
          differences.push(`${topic}/${partition}/${offset} ${group}: ${given.join()} instead of ${wanted}`);
      }
    }

    expect(messages.length).toBeGreaterThan(5);
    expect(differences).toEqual([]);
  },
);
