import { randomBytes } from "node:crypto";
import { emptyLog, lastLines, startChild, temporaryDirectory } from "./child.ts";
import { KAFKA_VERSION } from "./kafka-jars.ts";
import { layOut, nodeProperties } from "./kafka-layout.ts";
import { kafkaReady } from "./kafka-ready.ts";
import { type Progress, timed } from "./progress.ts";

// The image may have to be pulled first.
const START_TIMEOUT_MS = 300_000;

/** Runs one broker of the official image, on a free port of this machine. */
export async function startKafkaContainer(
  docker: string,
  properties: Readonly<Record<string, string>>,
  onProgress: Progress,
): Promise<{ brokers: string[]; stop(): Promise<void> }> {
  const layout = await layOut(1);
  const [node] = layout.nodes;
  if (node === undefined) throw new Error("A cluster without a node was laid out.");
  const directory = temporaryDirectory("kafka");
  const logFile = emptyLog(directory.path, "kafka.log");
  const name = `kafka-trail-${randomBytes(4).toString("hex")}`;
  const published = ["--publish", `127.0.0.1:${node.ports.client}:${node.ports.client}`];
  const settings = containerSettings(nodeProperties(layout, node, "/var/lib/kafka/data", properties));
  const environment = [`CLUSTER_ID=${layout.clusterId}`, ...settings].flatMap((it) => ["--env", it]);

  const child = await startChild({
    command: docker,
    args: ["run", "--rm", "--name", name, ...published, ...environment, `apache/kafka:${KAFKA_VERSION}`],
    logFile,
    // A signal would end the docker command and leave the container behind.
    stopCommand: [docker, "rm", "--force", name],
    stopTimeoutMs: 30_000,
  });
  const stop = async () => {
    await child.stop();
    await directory.remove();
  };
  try {
    await timed(onProgress, `Starting Apache Kafka ${KAFKA_VERSION} in Docker`, () =>
      kafkaReady({
        brokers: [node.address],
        brokerCount: 1,
        timeoutMs: START_TIMEOUT_MS,
        check: async () => {
          if (child.exit() === undefined) return;
          throw new Error(
            `Kafka's container ended while it started. Last words:\n${await lastLines(logFile)}`,
          );
        },
      }),
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return { brokers: [node.address], stop };
}

/** The image reads its properties from variables. Inside a container, 127.0.0.1 would keep the published port's traffic out. */
function containerSettings(properties: string): string[] {
  return properties
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [name = "", ...value] = line.split("=");
      const text = value.join("=");
      const variable = `KAFKA_${name.toUpperCase().replaceAll(".", "_")}`;
      return `${variable}=${name === "listeners" ? text.replaceAll("//127.0.0.1:", "//:") : text}`;
    });
}
