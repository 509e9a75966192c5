import type { Kafka } from "kafkajs";
import { eachBounded } from "../kafka/bounded.ts";
import { fetchLogRanges, type LogRange } from "../kafka/log-ranges.ts";
import {
  NO_LEADER,
  openCluster,
  type PrivateBroker,
  type PrivateCluster,
  type PrivateMetadata,
} from "../kafka/private-cluster.ts";
import { takeWhatIsTold } from "../kafka/partial-metadata.ts";
import { askForTopicIds, tellsTopicIds } from "../kafka/topic-ids.ts";

/** Requests on their way at once: at 20, 200 topics one by one take 0.5 s, and one at a time 1.2 s (measured). */
const REQUESTS_MAX = 20;
/** Groups described by one request: each of their members comes with its assignment. */
const DESCRIBED_MAX = 100;

export type { LogRange };

/** One topic as the broker shows it. */
export interface TopicLook {
  readonly topic: string;
  /** Kafka's own id, 32 hex characters; `null` where the broker does not tell. */
  readonly topicUuid: string | null;
  readonly logs: readonly LogRange[];
  /** Partitions that nobody leads now: nothing can be read of them, and nothing written to them. */
  readonly leaderless: readonly number[];
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

/**
 * Topics, groups and offsets, by bounded requests over connections that stay open between two looks. Never changes
 * anything. After a fault of Kafka it is closed by its caller, and opens again with the next {@link begin}.
 */
export class Look {
  readonly #kafka: Kafka;
  readonly #scope: Scope;
  #cluster: PrivateCluster | undefined;
  /** The brokers that coordinate the groups, as of the last time that groups were asked for. */
  #coordinators = new Map<string, PrivateBroker>();

  constructor(kafka: Kafka, scope: Scope) {
    this.#kafka = kafka;
    this.#scope = scope;
  }

  /** Learns brokers, topics and leaders anew, for everything else to build on. Returns the cluster's id. */
  async begin(): Promise<string> {
    this.#cluster ??= this.#open();
    await this.#cluster.connect();
    await this.#cluster.refreshMetadata();
    return this.#seen().metadata.clusterId;
  }

  #open(): PrivateCluster {
    const cluster = openCluster(this.#kafka);
    takeWhatIsTold(cluster.brokerPool);
    return cluster;
  }

  async close(): Promise<void> {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    this.#coordinators.clear();
    await cluster?.disconnect();
  }

  #seen(): { cluster: PrivateCluster; metadata: PrivateMetadata } {
    const cluster = this.#cluster;
    if (!cluster?.brokerPool.metadata) throw new Error("A look at the cluster begins with begin().");
    return { cluster, metadata: cluster.brokerPool.metadata };
  }

  /** Every watched topic; `unread` names those that could not be read this time. */
  async topics(): Promise<{ topics: TopicLook[]; unread: string[] }> {
    const { cluster, metadata } = this.#seen();
    const leaderless = new Map(
      metadata.topicMetadata
        .filter(({ topic }) => this.#scope.isTopicWatched(topic))
        .map((it) => [it.topic, leaderlessOf(it)]),
    );
    const names = [...leaderless.keys()];
    const broker = await cluster.findControllerBroker();
    // A broker before 2.8 tells none: a topic made anew is then known by its log end, which goes backwards.
    const ids =
      names.length > 0 && tellsTopicIds(broker)
        ? await askForTopicIds(broker, names)
        : new Map<string, string>();
    const { logs, unread } = await readLogs(cluster, names);
    const topics = [...logs].map(([topic, its]) => ({
      topic,
      topicUuid: ids.get(topic) ?? null,
      logs: its,
      leaderless: leaderless.get(topic) ?? [],
    }));
    const refused = (metadata.refusedTopics ?? []).filter((it) => this.#scope.isTopicWatched(it));
    return { topics, unread: [...refused, ...unread] };
  }

  /** Where the log of each partition of one topic, watched or not, begins and ends; empty where the broker shows no such topic. */
  async logsOf(topic: string): Promise<readonly LogRange[]> {
    return (await fetchLogRanges(this.#seen().cluster, [topic])).get(topic) ?? [];
  }

  /** Every watched group. A broker lists those that it coordinates: nobody has to be asked who does. */
  async groups(): Promise<GroupLook[]> {
    const { cluster } = this.#seen();
    const looks = new Map<string, GroupLook>();
    const coordinators = new Map<string, PrivateBroker>();
    await eachBounded(cluster.getNodeIds(), REQUESTS_MAX, async (nodeId) => {
      const broker = await cluster.findBroker({ nodeId });
      const listed = (await broker.listGroups()).groups
        .filter(({ protocolType }) => protocolType === "consumer" || protocolType === "")
        .map(({ groupId }) => groupId)
        .filter((it) => this.#scope.isGroupWatched(it));
      for (let from = 0; from < listed.length; from += DESCRIBED_MAX) {
        const { groups } = await broker.describeGroups({
          groupIds: listed.slice(from, from + DESCRIBED_MAX),
        });
        for (const { groupId, state, members } of groups) {
          coordinators.set(groupId, broker);
          // A group of the new protocol (KIP-848) is listed and answers Dead without members, also while it is consuming.
          looks.set(groupId, { groupId, state, members: state === "Dead" ? null : members.length });
        }
      }
    });
    this.#coordinators = coordinators;
    return [...looks.values()];
  }

  /** Every committed offset, on watched topics, of the groups that were last asked for. */
  async positions(): Promise<PositionLook[]> {
    const perGroup = await eachBounded([...this.#coordinators], REQUESTS_MAX, async ([groupId, broker]) => {
      const { responses } = await broker.offsetFetch({ groupId, topics: [] });
      return responses
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

const leaderlessOf = ({ partitionMetadata }: PrivateMetadata["topicMetadata"][number]): number[] =>
  partitionMetadata.filter(({ leader }) => leader === NO_LEADER).map(({ partitionId }) => partitionId);

async function readLogs(
  cluster: PrivateCluster,
  names: readonly string[],
): Promise<{ logs: Map<string, LogRange[]>; unread: string[] }> {
  try {
    return { logs: await fetchLogRanges(cluster, names), unread: [] };
  } catch (fault) {
    // Deleted since it was listed, or a leader that moved: the others are no worse for it.
    if (!isAboutOneTopic(fault)) throw fault;
  }
  const unread: string[] = [];
  const read = await eachBounded(names, REQUESTS_MAX, async (topic) => {
    try {
      return [...(await fetchLogRanges(cluster, [topic]))];
    } catch (fault) {
      if (!isAboutOneTopic(fault)) throw fault;
      unread.push(topic);
      return [];
    }
  });
  return { logs: new Map(read.flat()), unread };
}

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
