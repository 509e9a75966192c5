import { randomBytes } from "node:crypto";
import type { Admin } from "kafkajs";
import { waitUntil } from "../../dev/wait.ts";

/** A topic whose partitions' replicas are placed by hand, the leader first. */
export interface PlacedTopic {
  readonly prefix: string;
  /** Of each partition, the brokers that hold it. */
  readonly replicas: readonly (readonly number[])[];
}

/** Makes topics of names of their own, waits until every partition has the leader it should have, and returns the names. */
export async function createPlacedTopics(admin: Admin, placed: readonly PlacedTopic[]): Promise<string[]> {
  const topics = placed.map(({ prefix, replicas }) => ({
    topic: `${prefix}-${randomBytes(4).toString("hex")}`,
    replicaAssignment: replicas.map((of, partition) => ({ partition, replicas: [...of] })),
  }));
  const names = topics.map(({ topic }) => topic);
  // Not waitForLeaders: kafkajs gives up on it too early on a busy machine.
  await admin.createTopics({ topics, waitForLeaders: false });
  await waitUntil(`The making of ${names.length} topics`, () => haveLeaders(admin, names), {
    timeoutMs: 60_000,
  });
  return names;
}

async function haveLeaders(admin: Admin, names: readonly string[]): Promise<boolean> {
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [...names] });
    return topics.every(
      ({ partitions }) => partitions.length > 0 && partitions.every(({ leader }) => leader >= 0),
    );
  } catch (error) {
    if ((error as { type?: string }).type === "UNKNOWN_TOPIC_OR_PARTITION") return false;
    if ((error as { type?: string }).type === "LEADER_NOT_AVAILABLE") return false;
    throw error;
  }
}
