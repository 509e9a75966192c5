import { Kafka, logLevel } from "kafkajs";
import { createLog } from "../../trace-store/log.ts";
import { startWatcher } from "../../trace-store/watch/start-watcher.ts";

/**
 * A watcher alone in a process, so that its CPU can be told: `node watcher-process.js databaseUrl brokers pollMs way prefix`.
 * Says each look on stderr, as one JSON object, and answers every message of its parent with its CPU and its requests.
 */
const [databaseUrl = "", brokers = "", pollMs = "10000", way = "poll", prefix = ""] = process.argv.slice(2);

const requests: Record<string, number> = {};

/** Counts what goes out through admin clients; the rest goes over connections of its own. */
function counted(kafka: Kafka): Kafka {
  const open = kafka.admin.bind(kafka);
  kafka.admin = (options) => {
    const admin = open(options);
    admin.on(admin.events.REQUEST, ({ payload }) => {
      requests[payload.apiName] = (requests[payload.apiName] ?? 0) + 1;
    });
    return admin;
  };
  return kafka;
}

async function main(): Promise<void> {
  const kafka = counted(new Kafka({ brokers: brokers.split(","), logLevel: logLevel.NOTHING }));
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
    excludeGroups: groups.map(({ groupId }) => groupId).filter((it) => !it.startsWith(prefix)),
    pollMs: Number(pollMs),
    log: createLog("debug"),
    ...(way === "poll" && { way: "poll" }),
  });
  await watcher.ready;
  process.on("message", () => {
    const { user, system } = process.cpuUsage();
    process.send?.({ cpuMs: (user + system) / 1_000, requests });
  });
  process.on("disconnect", () => process.exit(0));
  process.send?.("ready");
}

void main();
