import { randomBytes } from "node:crypto";
import { freePorts } from "./ports.ts";

/** A broker and its ports. */
export interface KafkaNodeLayout {
  readonly nodeId: number;
  /** Where clients reach it. */
  readonly address: string;
  /** A second way in: clients that come by it are told to come back by `listenPort`. Put a proxy there. */
  readonly proxied: { readonly listenPort: number; readonly targetPort: number };
  readonly ports: { readonly internal: number; readonly client: number };
}

/** A cluster before it exists. */
export interface KafkaLayout {
  readonly clusterId: string;
  readonly controllerPort: number;
  readonly nodes: readonly KafkaNodeLayout[];
}

/** Chooses an id and free ports for a cluster. */
export async function layOut(brokerCount: number): Promise<KafkaLayout> {
  const ports = await freePorts(1 + 4 * brokerCount);
  const next = () => ports.pop() ?? 0;
  const controllerPort = next();
  const nodes = Array.from({ length: brokerCount }, (_, i) => {
    const client = next();
    return {
      nodeId: i + 1,
      address: `127.0.0.1:${client}`,
      proxied: { listenPort: next(), targetPort: next() },
      ports: { internal: next(), client },
    };
  });
  // Kafka writes its ids as 16 bytes in base64url, and takes none that begins with a dash.
  return { clusterId: `k${randomBytes(16).toString("base64url").slice(1, 21)}A`, controllerPort, nodes };
}

/** Writes the `server.properties` of one broker. Small topics of its own, and quick to notice what tests wait for. */
export function nodeProperties(
  layout: KafkaLayout,
  node: KafkaNodeLayout,
  dataDirectory: string,
  properties: Readonly<Record<string, string>>,
): string {
  const isController = node.nodeId === 1;
  const listeners = (client: number, proxied: number) => [
    `INTERNAL://127.0.0.1:${node.ports.internal}`,
    `CLIENT://127.0.0.1:${client}`,
    `PROXIED://127.0.0.1:${proxied}`,
  ];
  const controller = isController ? [`CONTROLLER://127.0.0.1:${layout.controllerPort}`] : [];
  const { client } = node.ports;
  const lines: Record<string, string | number> = {
    "process.roles": isController ? "broker,controller" : "broker",
    "node.id": node.nodeId,
    "controller.quorum.voters": `1@127.0.0.1:${layout.controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    listeners: [...listeners(client, node.proxied.targetPort), ...controller].join(","),
    "advertised.listeners": listeners(client, node.proxied.listenPort).join(","),
    "listener.security.protocol.map":
      "INTERNAL:PLAINTEXT,CLIENT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": dataDirectory,
    "num.partitions": 6,
    "offsets.topic.num.partitions": 5,
    "offsets.topic.replication.factor": layout.nodes.length,
    "transaction.state.log.num.partitions": 5,
    "transaction.state.log.replication.factor": layout.nodes.length,
    "transaction.state.log.min.isr": 1,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 6_000,
    "log.retention.check.interval.ms": 2_000,
    "log.cleaner.backoff.ms": 1_000,
    ...properties,
  };
  return Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
