import type { Kafka } from "kafkajs";

/** What sends a request of its own making. */
export interface PrivateConnection {
  send(arguments_: { request: object; response: object }): Promise<Map<string, string>>;
}

/** A request as kafkajs sends it, and how it reads the answer. */
export interface PrivateRequest {
  readonly request: object;
  readonly response: { parse(answer: PrivateMetadata): Promise<unknown> };
}

/** One broker. Whatever is asked of it connects it where it is not, also after a disconnect. Rejects on any error code. */
export interface PrivateBroker {
  readonly connectionPool: PrivateConnection;
  /** By API key, what this broker said that it knows; `null` before it is connected. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
  lookupRequest(apiKey: number, versions: object): (asked: object) => PrivateRequest;
  /** Offsets of partitions that it leads: `timestamp` -1 for their ends, -2 for their starts. */
  listOffsets(asked: {
    topics: readonly {
      topic: string;
      partitions: readonly { partition: number; timestamp: number }[];
    }[];
  }): Promise<{ responses: { topic: string; partitions: { partition: number; offset: string }[] }[] }>;
  /** The groups that it coordinates, and no others. */
  listGroups(): Promise<{ groups: { groupId: string; protocolType: string }[] }>;
  /** Of groups that it coordinates. */
  describeGroups(asked: {
    groupIds: readonly string[];
  }): Promise<{ groups: { groupId: string; state: string; members: readonly object[] }[] }>;
  /** Of a group that it coordinates; no topics asks for all of them. */
  offsetFetch(asked: {
    groupId: string;
    topics: readonly [];
  }): Promise<{ responses: { topic: string; partitions: { partition: number; offset: string }[] }[] }>;
}

/** Kafka's own way to say that nobody leads a partition now. */
export const NO_LEADER = -1;

/** What was last told of the whole cluster. */
export interface PrivateMetadata {
  readonly clusterId: string;
  readonly topicMetadata: readonly {
    readonly topic: string;
    readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
  }[];
  /**
   * Topics of which the broker told an error in place of partitions, where those do not reject all of it. Apache Kafka tells
   * none for want of rights where all topics are asked for: those that the user may not describe are left out.
   */
  readonly refusedTopics?: readonly string[];
}

/** The brokers of a cluster. */
export interface PrivateBrokerPool {
  readonly metadata: PrivateMetadata | null;
  findConnectedBroker(): Promise<PrivateBroker>;
}

/** kafkajs 2.2.4's own view of a cluster: what its admin client is made of, and cannot be asked for through it. */
export interface PrivateCluster {
  /** `null` before the first refresh and after a disconnect. */
  readonly brokerPool: PrivateBrokerPool;
  connect(): Promise<void>;
  /** Learns brokers, topics and leaders anew: of target topics, or of all of them where there are none. */
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  /** Brokers that are up, as of the last refresh. */
  getNodeIds(): string[];
  findControllerBroker(): Promise<PrivateBroker>;
  /** Connects it where it is not. */
  findBroker(asked: { nodeId: string }): Promise<PrivateBroker>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  /** Asks when what is known is older than `metadataMaxAge`. */
  refreshMetadataIfNecessary(): Promise<void>;
  /** Partitions by the node id of their leader; one that is not known is left out. */
  findLeaderForPartitions(
    topic: string,
    partitions: readonly number[],
  ): Readonly<Record<string, readonly number[]>>;
}

/**
 * Opens a cluster with the connection settings of `kafka`, TLS and SASL included. It is connected by its caller.
 * `metadataMaxAgeMs` is how old its view of leaders may get: 5 minutes, as in kafkajs, when not given.
 */
export function openCluster(kafka: Kafka, metadataMaxAgeMs = 300_000): PrivateCluster {
  const methods = kafka as unknown as { [method: symbol]: (options: object) => PrivateCluster };
  const create = methods[clusterMethod(kafka)] as (options: object) => PrivateCluster;
  return create({ metadataMaxAge: metadataMaxAgeMs, allowAutoTopicCreation: false });
}

/** Names the method by which kafkajs makes the cluster of every client it hands out. */
export function clusterMethod(kafka: Kafka): symbol {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    (it) => it.description === "private:Kafka:createCluster",
  );
  if (symbol === undefined) throw new Error("This kafkajs has no createCluster, which version 2.2.4 has.");
  return symbol;
}
