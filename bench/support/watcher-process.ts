import { Kafka, logLevel } from "kafkajs";
import { createLog } from "../../trace-store/log.ts";
import { startWatcher } from "../../trace-store/watch/start-watcher.ts";

/**
 * A watcher alone in a process, so that its CPU can be told:
 * `node watcher-process.js databaseUrl brokers pollMs way prefix groups`. Says each look on stderr, as one JSON object, and
 * answers every message of its parent with its CPU and its requests so far.
 */
const [databaseUrl = "", brokers = "", pollMs = "10000", way = "poll", prefix = "", groupsMax = "100"] =
  process.argv.slice(2);

/** When each request through an admin client was on its way. The rest goes over connections of its own, one by one. */
const requests: { readonly fromMs: number; readonly toMs: number }[] = [];

function counted(kafka: Kafka): Kafka {
  const open = kafka.admin.bind(kafka);
  kafka.admin = (options) => {
    const admin = open(options);
    admin.on(admin.events.REQUEST, ({ payload: { sentAt, duration } }) => {
      requests.push({ fromMs: Number(sentAt), toMs: Number(sentAt) + duration });
    });
    return admin;
  };
  return kafka;
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
    excludeGroups: groups.map(({ groupId }) => groupId).filter((it) => !isMine(it)),
    pollMs: Number(pollMs),
    log: createLog("debug"),
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
