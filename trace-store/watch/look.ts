import type { Admin, Kafka } from "kafkajs";
import { fetchLogRanges, type LogRange } from "../kafka/log-ranges.ts";
import { fetchTopicIds } from "../kafka/topic-ids.ts";
import { eachBounded } from "./bounded.ts";

/** Requests on their way at once: at 20, 200 topics one by one take 0.5 s, and one at a time 1.2 s (measured). */
const REQUESTS_MAX = 20;
/** Groups described by one call, which first asks for the coordinator of each, for all of them at once. */
const DESCRIBED_MAX = REQUESTS_MAX;

export type { LogRange };

/** One topic as the broker shows it. */
export interface TopicLook {
  readonly topic: string;
  /** Kafka's own id, 32 hex characters; `null` where the broker does not tell. */
  readonly topicUuid: string | null;
  readonly logs: readonly LogRange[];
}

/** One consumer group as the broker shows it. */
export interface GroupLook {
  readonly groupId: string;
  readonly state: string;
  /** `null`: not known. */
  readonly members: number | null;
}

/** One committed offset. */
export interface PositionLook {
  readonly groupId: string;
  readonly topic: string;
  readonly partition: number;
  readonly committed: bigint;
}

/** What a watcher looks at. */
export interface Scope {
  isTopicWatched(topic: string): boolean;
  isGroupWatched(groupId: string): boolean;
}

/** Topics, groups and offsets through the admin API, by bounded requests. Never changes anything. */
export class Look {
  readonly #kafka: Kafka;
  readonly #admin: Admin;
  readonly #scope: Scope;

  constructor(kafka: Kafka, admin: Admin, scope: Scope) {
    this.#kafka = kafka;
    this.#admin = admin;
    this.#scope = scope;
  }

  async clusterId(): Promise<string> {
    return (await this.#admin.describeCluster()).clusterId;
  }

  /** Every watched topic; `unread` names those that could not be read this time. */
  async topics(): Promise<{ topics: TopicLook[]; unread: string[] }> {
    const names = (await this.#admin.listTopics()).filter((it) => this.#scope.isTopicWatched(it));
    // A broker before 2.8 tells none: a topic made anew is then known by its log end, which goes backwards.
    const ids = names.length === 0 ? new Map<string, string>() : await fetchTopicIds(this.#kafka, names);
    try {
      const logs = await fetchLogRanges(this.#kafka, names);
      const topics = names.map((topic) => ({
        topic,
        topicUuid: ids.get(topic) ?? null,
        logs: logs.get(topic) ?? [],
      }));
      return { topics, unread: [] };
    } catch {
      // One topic is enough for that. If it is the broker, the next request says so.
      return this.#oneByOne(names, ids);
    }
  }

  async #oneByOne(
    names: readonly string[],
    ids: ReadonlyMap<string, string>,
  ): Promise<{ topics: TopicLook[]; unread: string[] }> {
    const unread: string[] = [];
    const looks = await eachBounded(names, REQUESTS_MAX, async (topic): Promise<TopicLook | undefined> => {
      try {
        const logs = await this.#admin.fetchTopicOffsets(topic);
        return { topic, topicUuid: ids.get(topic) ?? null, logs: logs.map(toLogRange) };
      } catch (fault) {
        // Deleted since it was listed, or a partition without a leader: the others are no worse for it.
        if (!isAboutOneTopic(fault)) throw fault;
        unread.push(topic);
        return undefined;
      }
    });
    return { topics: looks.filter((it) => it !== undefined), unread };
  }

  async groups(): Promise<GroupLook[]> {
    const listed = (await this.#admin.listGroups()).groups
      .filter(({ protocolType }) => protocolType === "consumer" || protocolType === "")
      .map(({ groupId }) => groupId)
      .filter((it) => this.#scope.isGroupWatched(it));
    const chunks = Array.from({ length: Math.ceil(listed.length / DESCRIBED_MAX) }, (_, i) =>
      listed.slice(i * DESCRIBED_MAX, (i + 1) * DESCRIBED_MAX),
    );
    const described = await eachBounded(
      chunks,
      1,
      async (chunk) => (await this.#admin.describeGroups(chunk)).groups,
    );
    return described.flat().map(({ groupId, state, members }) => ({
      groupId,
      state,
      // A group of the new protocol (KIP-848) is listed and answers Dead without members, also while it is consuming.
      members: state === "Dead" ? null : members.length,
    }));
  }

  /** Every committed offset of these groups on watched topics. */
  async positions(groupIds: readonly string[]): Promise<PositionLook[]> {
    const perGroup = await eachBounded(groupIds, REQUESTS_MAX, async (groupId) => {
      const topics = await this.#admin.fetchOffsets({ groupId });
      return topics
        .filter(({ topic }) => this.#scope.isTopicWatched(topic))
        .flatMap(({ topic, partitions }) =>
          partitions
            .filter(({ offset }) => offset !== "-1")
            .map(({ partition, offset }) => ({ groupId, topic, partition, committed: BigInt(offset) })),
        );
    });
    return perGroup.flat();
  }
}

const toLogRange = (it: { partition: number; low: string; high: string }): LogRange => ({
  partition: it.partition,
  logStart: BigInt(it.low),
  logEnd: BigInt(it.high),
});

const ABOUT_ONE_TOPIC = new Set([
  "UNKNOWN_TOPIC_OR_PARTITION",
  "LEADER_NOT_AVAILABLE",
  "NOT_LEADER_FOR_PARTITION",
  "TOPIC_AUTHORIZATION_FAILED",
  "KAFKA_STORAGE_ERROR",
]);

function isAboutOneTopic(fault: unknown): boolean {
  const { type, cause } = fault as { type?: string; cause?: { type?: string } };
  return ABOUT_ONE_TOPIC.has(type ?? "") || ABOUT_ONE_TOPIC.has(cause?.type ?? "");
}
