import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Runnable, RunOptions } from "../dev/contract.ts";
import { startKafka } from "../dev/kafka.ts";
import { startPostgres } from "../dev/postgres.ts";
import { waitUntil } from "../dev/wait.ts";
import { slicedDatabase } from "../test/support/sliced-database.ts";
import { LOOKED } from "../trace-store/watch/start-watcher.ts";
import { cpuOfListener } from "./support/listener-cpu.ts";
import { makeWatchedCluster, PARTITIONS, type WatchedCluster } from "./support/watched-cluster.ts";

const POLL_MS = 10_000;
/** What a watcher may take. */
const CYCLE_MS_MAX = 2_000;
const CORE_SHARE_MAX = 0.05;
/** As the watcher bounds them, and one for the connection's own. */
const REQUESTS_AT_ONCE_MAX = 21;
const MINUTE_MS = 60_000;

const FULL = { topics: 200, groups: 100, cycles: 6, manyGroups: 1_000 };
const SHORT = { topics: 40, groups: 20, cycles: 2, manyGroups: 0 };

/** One form of it, as measured. */
interface Figures {
  readonly way: string;
  readonly groups: number;
  /** The middle one and the longest. */
  readonly cycleMs: number;
  readonly cycleMsMax: number;
  /** Of one core, of the watcher's process. */
  readonly coreShare: number;
  /** Of the broker, where it runs on this machine. */
  readonly brokerCoreShare: number | null;
  /** Through the admin client, a cycle. */
  readonly requests: number;
  readonly requestsAtOnce: number;
}

/** What watching a cluster costs. */
export const bench: Runnable = {
  name: "watcher",
  summary:
    "one look at 200 topics x 6 partitions and 100 groups: at most 2 s, and 5 % of a core at a period of 10 s",
  async run(options) {
    const size = options.short ? SHORT : FULL;
    const kafka = await startKafka({ onProgress: options.progress });
    const postgres = await startPostgres({ onProgress: options.progress });
    const all = { topics: size.topics, groups: Math.max(size.groups, size.manyGroups) };
    const cluster = await makeWatchedCluster(kafka.brokers, all, options.progress);
    try {
      const figures: Figures[] = [];
      for (const way of ["poll", "consumer_offsets"]) {
        figures.push(await measure(cluster, postgres.url, way, size.groups, size.cycles, options));
      }
      // Ten times the groups may take longer; what is on its way at once stays the same.
      if (size.manyGroups > 0)
        figures.push(await measure(cluster, postgres.url, "poll", size.manyGroups, 1, options));
      options.table(figures.map((it) => ({ ...it, brokerCoreShare: it.brokerCoreShare ?? "not known" })));
      const tooMuch = figures.filter(
        (it) =>
          it.requestsAtOnce > REQUESTS_AT_ONCE_MAX ||
          (it.groups === size.groups && (it.cycleMsMax > CYCLE_MS_MAX || it.coreShare > CORE_SHARE_MAX)),
      );
      return {
        passed: tooMuch.length === 0,
        figures: {
          topics: size.topics,
          partitions: PARTITIONS,
          pollMs: POLL_MS,
          limits: { cycleMs: CYCLE_MS_MAX, coreShare: CORE_SHARE_MAX, requestsAtOnce: REQUESTS_AT_ONCE_MAX },
          ways: figures,
        },
      };
    } finally {
      await cluster.drop();
      await Promise.all([kafka.stop(), postgres.stop()]);
    }
  },
};

/** Lets everything move once in each period, and takes the watcher's own time over whole periods. */
async function measure(
  cluster: WatchedCluster,
  server: string,
  way: string,
  groups: number,
  cycles: number,
  { progress }: RunOptions,
): Promise<Figures> {
  progress(`${way}: the first look, which learns everything`);
  const database = await slicedDatabase(server);
  const looks: { tookMs: number; commits: number }[] = [];
  const child = fork(
    join(__dirname, "support", "watcher-process.js"),
    [database.url, cluster.brokers.join(","), String(POLL_MS), way, cluster.prefix, String(groups)],
    { stdio: ["ignore", "inherit", "pipe", "ipc"] },
  );
  try {
    if (child.stderr) {
      createInterface(child.stderr).on("line", (line) => {
        if (line.includes(LOOKED)) looks.push(JSON.parse(line));
      });
    }
    await once(child, "message");
    await waitUntil("The first look", () => looks.length > 0, { timeoutMs: MINUTE_MS });
    const before = { ...(await askOf(child)), brokerMs: await cpuOfListener(cluster.brokers[0] ?? "") };
    const startedMs = performance.now();
    for (let cycle = 1; cycle <= cycles; cycle++) {
      await cluster.move(groups);
      await waitUntil(`Look ${cycle + 1}`, () => looks.length > cycle, { timeoutMs: MINUTE_MS });
      progress(
        `${way}: look ${cycle} of ${cycles} took ${looks[cycle]?.tookMs} ms, ${looks[cycle]?.commits} commits`,
      );
    }
    const tookMs = performance.now() - startedMs;
    const after = { ...(await askOf(child)), brokerMs: await cpuOfListener(cluster.brokers[0] ?? "") };
    const times = looks
      .slice(1, cycles + 1)
      .map((it) => it.tookMs)
      .toSorted((a, b) => a - b);
    const share = (ms: number) => Math.round((ms / tookMs) * 10_000) / 10_000;
    return {
      way,
      groups,
      cycleMs: times[times.length >> 1] ?? 0,
      cycleMsMax: times.at(-1) ?? 0,
      coreShare: share(after.cpuMs - before.cpuMs),
      brokerCoreShare:
        after.brokerMs === null || before.brokerMs === null ? null : share(after.brokerMs - before.brokerMs),
      requests: Math.round((after.requests - before.requests) / cycles),
      requestsAtOnce: after.atOnce,
    };
  } finally {
    if (child.connected) child.disconnect();
    if (child.exitCode === null) await once(child, "exit");
    await database.drop();
  }
}

async function askOf(child: ChildProcess): Promise<{ cpuMs: number; requests: number; atOnce: number }> {
  child.send("how much?");
  const [told] = (await once(child, "message")) as [{ cpuMs: number; requests: number; atOnce: number }];
  return told;
}
