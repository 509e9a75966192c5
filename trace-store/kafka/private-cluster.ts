import type { Kafka } from "kafkajs";

/** What sends a request of its own making. */
export interface PrivateConnection {
  send(arguments_: { request: object; response: object }): Promise<Map<string, string>>;
}

/** kafkajs 2.2.4's own view of a cluster: what its admin client is made of, and cannot be asked for through it. */
export interface PrivateCluster {
  connect(): Promise<void>;
  refreshMetadata(): Promise<void>;
  disconnect(): Promise<void>;
  findControllerBroker(): Promise<{ connectionPool: PrivateConnection }>;
  addMultipleTargetTopics(topics: readonly string[]): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number }[];
  /** Throws where one partition of one topic has no leader. */
  fetchTopicsOffset(
    asked: readonly { topic: string; fromBeginning: boolean; partitions: { partition: number }[] }[],
  ): Promise<{ topic: string; partitions: { partition: number; offset: string }[] }[]>;
}

/** Opens a cluster with the connection settings of `kafka`, TLS and SASL included. It is connected by its caller. */
export function openCluster(kafka: Kafka): PrivateCluster {
  const symbol = Object.getOwnPropertySymbols(kafka).find(
    (it) => it.description === "private:Kafka:createCluster",
  );
  const create = symbol && (kafka as unknown as Record<symbol, (options: object) => PrivateCluster>)[symbol];
  if (create === undefined) throw new Error("This kafkajs has no createCluster, which version 2.2.4 has.");
  return create({ metadataMaxAge: 300_000, allowAutoTopicCreation: false });
}
