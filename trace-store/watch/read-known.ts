import type { ClientBase } from "pg";
import { positionKey, type Known, type KnownTopic } from "./known.ts";

/** Reads what watchers of this cluster wrote before. */
export async function readKnown(client: ClientBase, cluster: string): Promise<Known> {
  const { rows: watchers } = await client.query<{ cluster_id: string | null; swept_at: Date | null }>(
    "SELECT cluster_id, swept_at FROM trail_private.watchers WHERE cluster = $1",
    [cluster],
  );
  const topics = await readTopics(client, cluster);
  return {
    hasHistory: watchers[0]?.swept_at != null,
    clusterId: watchers[0]?.cluster_id ?? null,
    sweptAt: watchers[0]?.swept_at ?? null,
    topics,
    ...(await readGroups(client, cluster)),
    positions: await readPositions(client, cluster),
  };
}

async function readTopics(client: ClientBase, cluster: string): Promise<Map<string, KnownTopic>> {
  const { rows } = await client.query<{
    name: string;
    topic_id: number;
    incarnation: number;
    topic_uuid: string | null;
    partition: number | null;
    log_start: string;
    log_end: string;
  }>(
    `SELECT t.name, t.topic_id, i.incarnation, i.topic_uuid, p.partition, p.log_start, p.log_end
     FROM trail_private.topics t
     JOIN (SELECT DISTINCT ON (topic_id) * FROM trail_private.topic_incarnations ORDER BY topic_id, incarnation DESC) i
       USING (topic_id)
     LEFT JOIN trail_private.log_positions p ON p.topic_id = t.topic_id AND p.incarnation = i.incarnation
     WHERE t.cluster = $1`,
    [cluster],
  );
  const topics = new Map<string, KnownTopic>();
  for (const row of rows) {
    const { topic_id: topicId, incarnation, topic_uuid: topicUuid, partition } = row;
    const topic = topics.get(row.name) ?? { topicId, incarnation, topicUuid, logs: new Map() };
    topics.set(row.name, topic);
    if (partition === null) continue;
    topic.logs.set(partition, {
      partition,
      logStart: BigInt(row.log_start),
      logEnd: BigInt(row.log_end),
    });
  }
  return topics;
}

async function readGroups(client: ClientBase, cluster: string): Promise<Pick<Known, "groupIds" | "groups">> {
  const { rows } = await client.query<{
    name: string;
    consumer_group_id: number;
    state: string | null;
    members: number | null;
  }>(
    `SELECT g.name, g.consumer_group_id, s.state, s.members
     FROM trail_private.consumer_groups g LEFT JOIN trail_private.group_states s USING (consumer_group_id)
     WHERE g.cluster = $1`,
    [cluster],
  );
  return {
    groupIds: new Map(rows.map((row) => [row.name, row.consumer_group_id])),
    groups: new Map(
      rows
        .filter(({ state }) => state !== null)
        .map(({ name, state, members }) => [name, { groupId: name, state: state ?? "", members }]),
    ),
  };
}

async function readPositions(client: ClientBase, cluster: string): Promise<Known["positions"]> {
  const { rows } = await client.query<{
    group_name: string;
    topic_name: string;
    partition: number;
    committed: string;
    is_gone: boolean;
  }>(
    `SELECT g.name AS group_name, t.name AS topic_name, p.partition, p.committed, p.gone_at IS NOT NULL AS is_gone
     FROM trail_private.group_positions p
     JOIN trail_private.consumer_groups g USING (consumer_group_id)
     JOIN trail_private.topics t USING (topic_id)
     WHERE t.cluster = $1
       AND p.incarnation = (SELECT max(incarnation) FROM trail_private.topic_incarnations i WHERE i.topic_id = p.topic_id)`,
    [cluster],
  );
  return new Map(
    rows.map((row) => [
      positionKey(row.group_name, row.topic_name, row.partition),
      { committed: BigInt(row.committed), isGone: row.is_gone },
    ]),
  );
}
