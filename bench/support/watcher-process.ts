import type { Kafka } from "kafkajs";
import { createKafka } from "../../trace-store/kafka/client.ts";
import { clusterMethod } from "../../trace-store/kafka/private-cluster.ts";
import { createLog } from "../../trace-store/log.ts";
import { startWatcher } from "../../trace-store/watch/start-watcher.ts";

/**
 * A watcher alone in a process, so that its CPU can be told:
 * `node watcher-process.js databaseUrl brokers pollMs way prefix groups`. Says each look on stderr, as one JSON object, and
 * answers every message of its parent with its CPU and its requests so far.
 */
const [databaseUrl = "", brokers = "", pollMs = "10000", way = "poll", prefix = "", groupsMax = "100"] =
  process.argv.slice(2);

/** When each request was on its way. */
const requests: { readonly fromMs: number; readonly toMs: number }[] = [];

/** Counts what the watcher sends: every cluster of kafkajs, its consumer's too, tells of its requests to an emitter. */
function counted(kafka: Kafka): Kafka {
  const clusters = kafka as unknown as Record<symbol, (options: ClusterOptions) => unknown>;
  const symbol = clusterMethod(kafka);
  const create = clusters[symbol] as (options: ClusterOptions) => unknown;
  clusters[symbol] = (options: ClusterOptions) => {
    const emit: Emitter["emit"] = (name, payload) => {
      // A fetch is on its way for as long as the broker has nothing to tell.
      if (name === "network.request" && payload.apiName !== "Fetch") {
        requests.push({ fromMs: payload.sentAt, toMs: payload.sentAt + payload.duration });
      }
      options.instrumentationEmitter?.emit(name, payload);
    };
    return create({ ...options, instrumentationEmitter: { emit } });
  };
  return kafka;
}

interface ClusterOptions {
  readonly instrumentationEmitter?: Emitter | null;
}

interface Emitter {
  emit(
    name: string,
    payload: { readonly apiName: string; readonly sentAt: number; readonly duration: number },
  ): void;
}

/** The most requests that were on their way at one moment. */
function atOnceMax(): number {
  const steps = requests.flatMap(({ fromMs, toMs }) => [
    { atMs: fromMs, by: 1 },
    { atMs: toMs, by: -1 },
  ]);
  // In one millisecond, those that come back first.
  steps.sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let now = 0;
  return steps.reduce((most, { by }) => Math.max(most, (now += by)), 0);
}

const isMine = (groupId: string): boolean =>
  groupId.startsWith(prefix) && Number(groupId.split("-").at(-1)) < Number(groupsMax);

async function main(): Promise<void> {
  const log = createLog("debug");
  const config = { brokers: brokers.split(","), clientId: "watched", ssl: false, sasl: undefined } as const;
  const kafka = counted(createKafka(config, log));
  const admin = kafka.admin();
  await admin.connect();
  const topics = await admin.listTopics();
  const { groups } = await admin.listGroups();
  await admin.disconnect();
  const watcher = startWatcher({
    kafka,
    databaseUrl,
    cluster: "",
    excludeTopics: topics.filter((it) => !it.startsWith(prefix)),
    excludeGroups: groups.map(({ groupId }) => groupId).filter((it) => !isMine(it)),
    pollMs: Number(pollMs),
    log,
    ...(way === "poll" && { way: "poll" }),
  });
  await watcher.ready;
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000, requests: requests.length, atOnce: atOnceMax() });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

void main();
