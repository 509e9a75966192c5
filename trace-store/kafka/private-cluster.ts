import type { Kafka } from "kafkajs";

/** What sends a request of its own making. */
export interface PrivateConnection {
  send(arguments_: { request: object; response: object }): Promise<Map<string, string>>;
}

export interface PrivateBroker {
  readonly connectionPool: PrivateConnection;
  /** By API key, what this broker said that it knows; `null` before it is connected. */
  readonly versions: Readonly<Record<number, { readonly maxVersion: number }>> | null;
}

/** kafkajs 2.2.4's own view of a cluster: what its admin client is made of, and cannot be asked for through it. */
export interface PrivateCluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
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
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  /** Throws where one partition of one topic has no leader. */
  fetchTopicsOffset(
    asked: readonly { topic: string; fromBeginning: boolean; partitions: { partition: number }[] }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
}

/**
 * Opens a cluster with the connection settings of `kafka`, TLS and SASL included. It is connected by its caller.
 * `metadataMaxAgeMs` is how old its view of leaders may get: 5 minutes, as in kafkajs, when not given.
 */
export function openCluster(kafka: Kafka, metadataMaxAgeMs = 300_000): PrivateCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    (it) => it.description === "private:Kafka:createCluster",
  );
  const create = symbol && (kafka as unknown as Record<symbol, (options: object) => PrivateCluster>)[symbol];
  if (create === undefined) throw new Error("This kafkajs has no createCluster, which version 2.2.4 has.");
  return create({ metadataMaxAge: metadataMaxAgeMs, allowAutoTopicCreation: false });
}
