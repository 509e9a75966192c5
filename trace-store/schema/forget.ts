import type { ClientBase } from "pg";

const DAY_MS = 86_400_000;
/** Rows of one table that one call drops, at most. */
const ROWS_MAX = 10_000;
/** A name's `seen_at` is exact to a day; another one for clocks and for writes that take their time. */
const NAME_GRACE_MS = 2 * DAY_MS;
/** Offsets of one block of the ledger. */
const BLOCK_LENGTH = 65_536;

/** What {@link forgetOld} dropped. */
export interface Forgotten {
  readonly ledgerBlocks: number;
  readonly names: number;
}

/**
 * Drops what was told of spans that are not kept any more: blocks of the ledger, and names.
 *
 * Bounded in work; what is left waits for the next call. Several processes may call it at once. Not in a transaction.
 */
export async function forgetOld(
  client: ClientBase,
  times: { readonly now: Date; readonly retentionMs: number; readonly sliceMs: number },
): Promise<Forgotten> {
  const horizon = new Date(times.now.getTime() - times.retentionMs);
  // A slice is kept until all of it is past retention.
  const unseenSince = new Date(horizon.getTime() - times.sliceMs - NAME_GRACE_MS);
  await client.query("BEGIN");
  try {
    const ledgerBlocks = (await forgetBlocks(client, horizon)) + (await forgetLives(client, horizon));
    await client.query("COMMIT");
    return { ledgerBlocks, names: await forgetNames(client, unseenSince) };
  } catch (fault) {
    await client.query("ROLLBACK").catch(() => undefined);
    throw fault;
  }
}

/**
 * Blocks wholly below the log's start, up to the first one that spans still kept tell of. Of what is in the log all is kept:
 * whether an offset is void, and whether a group was ever traced, is asked as long as the message is there.
 */
async function forgetBlocks(client: ClientBase, horizon: Date): Promise<number> {
  const topics = await readTopics(client);
  // Spans know a topic by its cluster's name, by its id, or by none: the lowest log start of all that it may be.
  const { rowCount } = await client.query(
    `WITH lives AS MATERIALIZED (
       SELECT p.topic_id, p.incarnation, p.partition, p.log_start, l.topic_id AS told_of
       FROM trail_private.log_positions p
       JOIN unnest($2::int[], $3::text[], $4::text[]) AS t (topic_id, name, cluster) USING (topic_id)
       CROSS JOIN LATERAL unnest(trail_private.topic_ids(t.name, t.cluster)) AS l (topic_id)
     ), ends AS (
       SELECT b.told_of, b.incarnation, b.partition,
         least(b.block, (SELECT min(l.block) FROM trail_private.ledger l
           WHERE l.topic_id = b.told_of AND l.incarnation = b.incarnation AND l.partition = b.partition AND l.last_at >= $1)) AS block
       FROM (SELECT told_of, incarnation, partition, min(log_start) / ${BLOCK_LENGTH} AS block FROM lives GROUP BY 1, 2, 3) b
     ), upto AS MATERIALIZED (
       SELECT * FROM ends e WHERE EXISTS (
         SELECT FROM trail_private.ledger l
         WHERE l.topic_id = e.told_of AND l.incarnation = e.incarnation AND l.partition = e.partition AND l.block < e.block)
     ), moved AS (
       UPDATE trail_private.log_positions p SET ledger_from = m.block * ${BLOCK_LENGTH}
       FROM (SELECT v.topic_id, v.incarnation, v.partition, max(u.block) AS block FROM lives v
             JOIN upto u ON u.told_of = v.told_of AND u.incarnation = v.incarnation AND u.partition = v.partition
             GROUP BY 1, 2, 3) m
       WHERE p.topic_id = m.topic_id AND p.incarnation = m.incarnation AND p.partition = m.partition
         AND m.block * ${BLOCK_LENGTH} > p.ledger_from)
     DELETE FROM trail_private.ledger WHERE ctid IN (
       SELECT l.ctid FROM trail_private.ledger l
       JOIN upto u ON u.told_of = l.topic_id AND u.incarnation = l.incarnation AND u.partition = l.partition
       WHERE l.block < u.block LIMIT ${ROWS_MAX})`,
    [horizon, topics.ids, topics.names, topics.clusters],
  );
  return rowCount ?? 0;
}

interface Topics {
  readonly ids: number[];
  readonly names: string[];
  readonly clusters: string[];
}

/** Fetched first: on Citus they lie on every node, and a statement with them and with the ledger may be sent to any. */
async function readTopics(client: ClientBase): Promise<Topics> {
  const { rows } = await client.query<Topics>(
    `SELECT coalesce(array_agg(topic_id), '{}') AS ids, coalesce(array_agg(name), '{}') AS names,
            coalesce(array_agg(cluster), '{}') AS clusters FROM trail_private.topics`,
  );
  return rows[0] ?? { ids: [], names: [], clusters: [] };
}

/** Lives of topics that are over, and topics that no watcher knows, when no span that is kept tells of them. */
async function forgetLives(client: ClientBase, horizon: Date): Promise<number> {
  const topics = await readTopics(client);
  const { rowCount } = await client.query(
    `WITH names AS MATERIALIZED (SELECT * FROM unnest($2::int[], $3::text[]) AS t (topic_id, name))
     DELETE FROM trail_private.ledger WHERE ctid IN (
       SELECT l.ctid FROM trail_private.ledger l
       JOIN (SELECT topic_id, incarnation, partition FROM trail_private.ledger GROUP BY 1, 2, 3 HAVING max(last_at) < $1) old
         USING (topic_id, incarnation, partition)
       JOIN names t USING (topic_id)
       WHERE l.incarnation < ALL (
         SELECT max(p.incarnation) FROM trail_private.log_positions p JOIN names n USING (topic_id)
         WHERE n.name = t.name GROUP BY p.topic_id)
       LIMIT ${ROWS_MAX})`,
    [horizon, topics.ids, topics.names],
  );
  return rowCount ?? 0;
}

/**
 * Names that no writer has asked for since spans with them would be gone. A writer asks for every name that it uses at least
 * once in ten minutes (write/dictionary.ts). Topics and groups are as many as there are in Kafka, and are kept.
 */
async function forgetNames(client: ClientBase, unseenSince: Date): Promise<number> {
  let dropped = 0;
  for (const [table, id] of [
    ["services", "service_id"],
    ["span_names", "span_name_id"],
    ["resources", "resource_id"],
  ] as const) {
    // Asked twice: a name that is asked for between the look and the deletion stays.
    const { rowCount } = await client.query(
      `DELETE FROM trail_private.${table} WHERE seen_at < $1
         AND ${id} = ANY (ARRAY(SELECT ${id} FROM trail_private.${table} WHERE seen_at < $1 LIMIT ${ROWS_MAX}))`,
      [unseenSince],
    );
    dropped += rowCount ?? 0;
  }
  return dropped;
}
