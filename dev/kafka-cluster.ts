import { writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Child,
  emptyLog,
  lastLines,
  runToEnd,
  startChild,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./child.ts";
import { findKafkaRuntime, KAFKA_VERSION, type KafkaRuntime } from "./kafka-jars.ts";
import { type KafkaLayout, type KafkaNodeLayout, layOut, nodeProperties } from "./kafka-layout.ts";
import { kafkaReady } from "./kafka-ready.ts";
import { type Progress, quiet, timed } from "./progress.ts";

// 4 s is usual; a machine that is busy with builds and tests has needed 60.
const START_TIMEOUT_MS = 180_000;

/** How to start brokers of our own. */
export interface KafkaClusterOptions {
  /** Default 3. */
  readonly brokers?: 1 | 2 | 3;
  /** Added to every broker's `server.properties`. */
  readonly properties?: Readonly<Record<string, string>>;
  /** For brokers that live a minute and do little. Default false: what is measured must run on a broker at its best. */
  readonly isShortLived?: boolean;
  readonly onProgress?: Progress;
}

/** A start takes 3.5 s of CPU so, and 6.4 s without; a broker of three is up when all have had theirs. */
const COMPILED_QUICKLY = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/** Brokers of our own, that may be killed and paused. Node 1 is the controller too. */
export interface KafkaCluster {
  /** Addresses for clients. */
  readonly brokers: string[];
  readonly clusterId: string;
  readonly via: "maven";
  /** With the ports of each for a proxy in front of it. */
  readonly nodes: readonly KafkaNodeLayout[];
  /** SIGKILL, as in a crash. */
  kill(nodeId: number): Promise<void>;
  /** SIGTERM, as in a rolling restart: it hands its partitions over first. */
  stopNode(nodeId: number): Promise<void>;
  /** Starts a node that is down, and waits until the whole cluster is up. */
  startNode(nodeId: number): Promise<void>;
  /** SIGSTOP: it keeps its connections and answers nothing. */
  pause(nodeId: number): void;
  resume(nodeId: number): void;
  /** The end of what a node logged. */
  log(nodeId: number): Promise<string>;
  /** Ends all nodes and deletes their data. */
  stop(): Promise<void>;
}

/** Starts a cluster of Apache Kafka (KRaft) of our own on free ports of this machine, whatever `KAFKA_BROKERS` says. */
export async function startKafkaCluster(options: KafkaClusterOptions = {}): Promise<KafkaCluster> {
  const onProgress = options.onProgress ?? quiet;
  const runtime = await findKafkaRuntime(onProgress);
  const layout = await layOut(options.brokers ?? 3);
  const directory = temporaryDirectory("kafka");
  const flags = options.isShortLived === true ? COMPILED_QUICKLY : [];
  const cluster = new OwnCluster(runtime, layout, directory, flags);
  const title = layout.nodes.length === 1 ? "" : ` with ${layout.nodes.length} brokers`;
  try {
    await timed(onProgress, `Starting Apache Kafka ${KAFKA_VERSION}${title}`, async () => {
      await Promise.all(layout.nodes.map((node) => cluster.format(node, options.properties ?? {})));
      await cluster.startAll();
    });
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

class OwnCluster implements KafkaCluster {
  readonly via = "maven";
  readonly brokers: string[];
  readonly clusterId: string;
  readonly nodes: readonly KafkaNodeLayout[];
  readonly #runtime: KafkaRuntime;
  readonly #directory: TemporaryDirectory;
  readonly #layout: KafkaLayout;
  readonly #flags: readonly string[];
  readonly #children = new Map<number, Child>();

  constructor(
    runtime: KafkaRuntime,
    layout: KafkaLayout,
    directory: TemporaryDirectory,
    flags: readonly string[],
  ) {
    this.#flags = flags;
    this.#runtime = runtime;
    this.#layout = layout;
    this.#directory = directory;
    this.nodes = layout.nodes;
    this.clusterId = layout.clusterId;
    this.brokers = layout.nodes.map((node) => node.address);
  }

  async format(node: KafkaNodeLayout, properties: Readonly<Record<string, string>>): Promise<void> {
    const file = this.#path(node.nodeId, "properties");
    writeFileSync(file, nodeProperties(this.#layout, node, this.#path(node.nodeId, "data"), properties));
    await runToEnd({
      ...this.#java(
        node.nodeId,
        "kafka.tools.StorageTool",
        ["format", "-t", this.clusterId, "-c", file],
        COMPILED_QUICKLY,
      ),
    });
  }

  async startAll(): Promise<void> {
    await Promise.all(this.nodes.map(({ nodeId }) => this.#start(nodeId)));
    await this.#untilReady();
  }

  async kill(nodeId: number): Promise<void> {
    const child = this.#running(nodeId);
    child.signal("SIGKILL");
    await child.ended();
  }

  async stopNode(nodeId: number): Promise<void> {
    const child = this.#running(nodeId);
    child.signal("SIGTERM");
    await child.ended();
  }

  async startNode(nodeId: number): Promise<void> {
    await this.#start(nodeId);
    await this.#untilReady();
  }

  pause(nodeId: number): void {
    this.#running(nodeId).signal("SIGSTOP");
  }

  resume(nodeId: number): void {
    this.#running(nodeId).signal("SIGCONT");
  }

  log(nodeId: number): Promise<string> {
    return lastLines(this.#path(nodeId, "log"), 1_000);
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#children.values()].map((child) => child.stop()));
    await this.#directory.remove();
  }

  async #start(nodeId: number): Promise<void> {
    const before = this.#children.get(nodeId);
    if (before !== undefined && before.exit() === undefined) throw new Error(`Broker ${nodeId} is running.`);
    const child = await startChild({
      ...this.#java(nodeId, "kafka.Kafka", [this.#path(nodeId, "properties")], this.#flags),
      // Its data is deleted next: nothing is worth the seconds of an orderly end.
      stopSignal: "SIGKILL",
    });
    this.#children.set(nodeId, child);
  }

  #untilReady(): Promise<void> {
    const running = [...this.#children].filter(([, child]) => child.exit() === undefined);
    return kafkaReady({
      brokers: running.map(([nodeId]) => this.brokers[nodeId - 1] ?? ""),
      brokerCount: running.length,
      timeoutMs: START_TIMEOUT_MS,
      check: async () => {
        const ended = running.find(([, child]) => child.exit() !== undefined);
        if (ended === undefined) return;
        const said = await lastLines(this.#path(ended[0], "log"));
        throw new Error(`Kafka broker ${ended[0]} ended while it started. Its last words:\n${said}`);
      },
    });
  }

  #running(nodeId: number): Child {
    const child = this.#children.get(nodeId);
    if (child !== undefined && child.exit() === undefined) return child;
    throw new Error(`Broker ${nodeId} is not running; this cluster has brokers 1 to ${this.nodes.length}.`);
  }

  #java(nodeId: number, main: string, args: readonly string[], flags: readonly string[]) {
    const log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
    return {
      command: this.#runtime.java,
      args: ["-Xmx512m", ...flags, log, "-cp", this.#runtime.classPath, main, ...args],
      logFile: this.#path(nodeId, "log"),
    };
  }

  #path(nodeId: number, extension: string): string {
    const path = join(this.#directory.path, `node${nodeId}.${extension}`);
    if (extension === "log") emptyLog(this.#directory.path, `node${nodeId}.log`);
    return path;
  }
}
