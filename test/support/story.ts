import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { TestDatabase, TestServer } from "./database.ts";
import { slicedDatabase } from "./sliced-database.ts";

/** The one message everybody asks for. */
export const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";

/**
 * A store that holds the story of docs/SQL.md: orders/3/4711 was sent by checkout in the trace above; billing handled it
 * and sent bills/0/10; email failed on it twice and sent it to orders.dlq; a batch of warehouse's was handed it in a trace
 * of its own; legacy sends no spans; the group audit is 200 messages behind. The watcher's word stays good for half an hour.
 */
export async function storyDatabase(server?: TestServer, toldAt = new Date()): Promise<TestDatabase> {
  const database = await slicedDatabase(server);
  await database.pool.query(STORY.replaceAll("now()", `'${toldAt.toISOString()}'::timestamptz`));
  return database;
}

/** Every example of docs/SQL.md. */
export function sqlExamples(): string[] {
  const text = readFileSync(join(__dirname, "..", "..", "docs", "SQL.md"), "utf8");
  return [...text.matchAll(/^```sql\n([\s\S]*?)^```/gm)].map(([, sql = ""]) => sql.trim());
}

const STORY = `
INSERT INTO trail_private.services (service_id, name)
  VALUES (1, 'checkout'), (2, 'billing'), (3, 'email'), (4, 'warehouse');
INSERT INTO trail_private.span_names (span_name_id, name) VALUES (1, 'send'), (2, 'process');
INSERT INTO trail_private.resources (resource_id, hash, attributes) VALUES (1, '\\x00', '{}');
INSERT INTO trail_private.topics (topic_id, name) VALUES (1, 'orders'), (2, 'bills'), (3, 'orders.dlq');
INSERT INTO trail_private.consumer_groups (consumer_group_id, name)
  VALUES (1, 'billing'), (2, 'email'), (3, 'warehouse'), (4, 'legacy'), (5, 'audit');
INSERT INTO trail_private.spans (start_time, span_id, parent_span_id, message_offset, duration_ns, service_id, span_name_id,
  resource_id, topic_id, partition, consumer_group_id, attempt, start_ns, kind, status, operation, trace_id, message_key, message_id, attributes)
SELECT now() - make_interval(mins => 10) + s.after, s.id, s.parent, s.at, 5000000, s.service, CASE WHEN s.op = 2 THEN 1 ELSE 2 END,
  1, s.topic, CASE WHEN s.topic = 1 THEN 3 ELSE 0 END, s.grp, s.attempt, 7, CASE WHEN s.op = 2 THEN 4 ELSE 5 END, s.status, s.op,
  s.trace::uuid, s.key, s.mid, s.attributes::jsonb
FROM (VALUES
  (interval '0 s',   1, NULL::bigint, 4711::bigint, 1, 1, NULL::int, NULL::int, 0, 2, '${TRACE_ID}', 'customer-7', 'order-4711', '{}'),
  (interval '1 s',   2, 1,    4711, 2, 1, 1,    1,    0, 4, '${TRACE_ID}', 'customer-7', NULL, '{"kafka_trail.queue_time_ms": 990}'),
  (interval '1.1 s', 3, 2,    10,   2, 2, NULL, NULL, 0, 2, '${TRACE_ID}', NULL, NULL, '{}'),
  (interval '2 s',   4, 1,    4711, 3, 1, 2,    1,    2, 4, '${TRACE_ID}', 'customer-7', NULL, '{"error.type": "MailboxFull"}'),
  (interval '3 s',   5, 1,    4711, 3, 1, 2,    2,    2, 4, '${TRACE_ID}', 'customer-7', NULL, '{"error.type": "MailboxFull"}'),
  (interval '3.1 s', 6, 5,    2,    3, 3, NULL, NULL, 0, 2, '${TRACE_ID}', 'customer-7', NULL, '{"kafka_trail.origin.group": "email"}'),
  (interval '4 s',   7, NULL, NULL, 4, 1, 3,    1,    0, 4, '0af7651916cd43dd8448eb211c80319c', NULL, NULL, '{"messaging.batch.message_count": 20}')
) AS s (after, id, parent, at, service, topic, grp, attempt, status, op, trace, key, mid, attributes);
INSERT INTO trail_private.offset_ranges (start_time, span_id, first_offset, last_offset, topic_id, partition, consumer_group_id, role, trace_id)
SELECT start_time, span_id, 4700, 4719, 1, 3, 3, 2, trace_id FROM trail_private.spans WHERE span_id = 7
UNION ALL
SELECT start_time, span_id, 4711, 4711, 1, 3, NULL, 10, trace_id FROM trail_private.spans WHERE span_id = 6;
INSERT INTO trail_private.watchers (cluster, way, poll_ms, swept_at) VALUES ('', 'consumer_offsets', 600000, now());
INSERT INTO trail_private.topic_incarnations (topic_id, incarnation, first_seen_at)
  SELECT t, 1, now() - interval '50 minutes' FROM generate_series(1, 3) t;
INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
SELECT 1, 1, p, 0, CASE p WHEN 3 THEN 4800 ELSE 10 END, 0, now() - interval '50 minutes', now() - interval '5 minutes'
FROM generate_series(0, 3) p;
INSERT INTO trail_private.group_positions (consumer_group_id, topic_id, incarnation, partition, committed, first_position, committed_max, first_seen_at, committed_at)
SELECT g, 1, 1, 3, c, 0, c, now() - interval '45 minutes', now() - interval '8 minutes'
FROM (VALUES (1, 4800), (2, 4800), (3, 4800), (4, 4800), (5, 4600)) AS p (g, c);
INSERT INTO trail_private.group_position_changes (committed_at, committed, committed_max, consumer_group_id, topic_id, incarnation, partition)
SELECT committed_at, committed, committed_max, consumer_group_id, topic_id, incarnation, partition FROM trail_private.group_positions;
INSERT INTO trail_private.group_states (consumer_group_id, state, members, observed_at)
SELECT g, CASE g WHEN 5 THEN 'Empty' ELSE 'Stable' END, CASE g WHEN 5 THEN 0 ELSE 1 END, now() FROM generate_series(1, 5) g;
INSERT INTO trail_private.ledger (topic_id, incarnation, partition, consumer_group_id, block, first_at, last_at, ranges)
VALUES (1, 1, 3, 0, 0, now(), now(), '{[0,4800)}'), (1, 1, 3, 1, 0, now(), now(), '{[0,4750),[4751,4800)}'), (1, 1, 3, -1, 0, now(), now(), '{[4790,4792)}');
INSERT INTO trail_private.rollups SELECT * FROM trail_private.sum_up(now() - interval '1 hour', now());
`;
