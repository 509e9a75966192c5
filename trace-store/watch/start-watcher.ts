import { setTimeout } from "node:timers/promises";
import type { Kafka } from "kafkajs";
import type { Log } from "../log.ts";
import { openCommitStream, WATCHER_GROUP_PREFIX, type CommitStream } from "./commit-stream.ts";
import { takeOffice, type Office } from "./election.ts";
import { positionKey, type Commit } from "./known.ts";
import { Look, type GroupLook, type PositionLook, type Scope, type TopicLook } from "./look.ts";
import { TruthWriter } from "./truth-writer.ts";

/** Options of {@link startWatcher}. */
export interface WatcherOptions {
  readonly kafka: Kafka;
  readonly databaseUrl: string;
  /** Name of the cluster, equal to the apps' `cluster` option. */
  readonly cluster: string;
  /** Whose log end tells how far the indexer is behind. Watched also where it is excluded, and never judged. */
  readonly spanTopic?: string;
  /** Topics that are never looked at. Kafka's own, which begin with `__`, never are. */
  readonly excludeTopics: readonly string[];
  /** Groups that are never looked at. */
  readonly excludeGroups: readonly string[];
  /** Pause between two looks at logs and groups. Milliseconds. */
  readonly pollMs: number;
  readonly log: Log;
  /** `poll` never reads `__consumer_offsets`. Default: read it where the broker allows, else poll. */
  readonly way?: "consumer_offsets" | "poll";
}

/** A running watcher. */
export interface Watcher {
  /** Fulfilled when the broker was looked at once, by this watcher or by the one that holds the office. */
  readonly ready: Promise<void>;
  stop(): Promise<void>;
}

/** Commits from the stream are written this often. */
const COMMITS_EVERY_MS = 200;
/** After the stream was refused or broke, polling goes on for this long before it is tried again. */
const STREAM_RETRY_MS = 60_000;
/** What the log says after each look, with how long it took. */
export const LOOKED = "looked at the broker";
const TERM_RETRY_MS_MAX = 10_000;

/**
 * Writes down the broker's truth for as long as it runs: log ranges, committed offsets and states of groups, changes
 * only. Of several started for one cluster one works; the others wait for its office. It never changes anything in Kafka.
 */
export function startWatcher(options: WatcherOptions): Watcher {
  const stopping = new AbortController();
  const { promise: ready, resolve: isReady } = deferred();
  const working = hold(options, stopping.signal, isReady);
  return {
    ready,
    async stop() {
      stopping.abort();
      await working;
    },
  };
}

async function hold(options: WatcherOptions, stop: AbortSignal, isReady: () => void): Promise<void> {
  const { databaseUrl, cluster, pollMs, log } = options;
  for (let faults = 0; !stop.aborted;) {
    let office: Office | undefined;
    try {
      office = await takeOffice(databaseUrl, cluster);
      if (office === undefined) isReady();
      else await new Term(options, office, stop, isReady).run();
      faults = 0;
    } catch (fault) {
      faults += 1;
      // Of a session that died before, a statement says no more than that it is dead.
      const session = office?.lost()?.message;
      log.warn({ err: fault, cluster, ...(session !== undefined && { session }) }, "the watcher starts over");
    } finally {
      await office?.leave();
    }
    await pause(Math.min(faults === 0 ? pollMs : 500 * 2 ** faults, TERM_RETRY_MS_MAX), stop);
  }
}

/** One watcher's time in office: from the lock to the first fault of the database, or to the end. */
class Term {
  readonly #options: WatcherOptions;
  readonly #office: Office;
  readonly #stop: AbortSignal;
  readonly #isReady: () => void;
  readonly #scope: Scope;
  #stream: CommitStream | undefined;
  #streamTriedAtMs = -STREAM_RETRY_MS;

  constructor(options: WatcherOptions, office: Office, stop: AbortSignal, isReady: () => void) {
    this.#options = options;
    this.#office = office;
    this.#stop = stop;
    this.#isReady = isReady;
    const [topics, groups] = [new Set(options.excludeTopics), new Set(options.excludeGroups)];
    this.#scope = {
      isTopicWatched: (topic) =>
        topic === options.spanTopic || (!topic.startsWith("__") && !topics.has(topic)),
      isGroupWatched: (groupId) => !groupId.startsWith(WATCHER_GROUP_PREFIX) && !groups.has(groupId),
    };
  }

  async run(): Promise<void> {
    const { kafka, cluster, pollMs, log } = this.#options;
    const writer = await TruthWriter.open(this.#office.client, cluster);
    const look = new Look(kafka, this.#scope);
    try {
      while (!this.#stop.aborted && this.#office.lost() === undefined) {
        const sweepAtMs = performance.now();
        try {
          await this.#openStream(look);
          if (this.#stop.aborted) break;
          await this.#sweep(look, writer);
          this.#isReady();
        } catch (fault) {
          if (!isOfKafka(fault)) throw fault;
          await look.close();
          await this.#closeStream();
          log.warn({ err: fault, cluster }, "the broker could not be looked at");
          await writer.writeProblem("poll", pollMs, `The broker could not be looked at: ${fault.message}.`);
        }
        await this.#followCommits(writer, sweepAtMs + pollMs);
      }
      const lost = this.#office.lost();
      if (lost !== undefined && !this.#stop.aborted) throw lost;
    } finally {
      await this.#closeStream();
      await look.close();
    }
  }

  /** Goes over to `__consumer_offsets` where it may be read. */
  async #openStream(look: Look): Promise<void> {
    const { kafka, way, log, cluster } = this.#options;
    const broken = this.#stream?.fault();
    if (broken !== undefined) {
      log.warn({ err: broken, cluster }, "__consumer_offsets is read no more; committed offsets are polled");
      await this.#closeStream();
    }
    if (way === "poll" || this.#stream || performance.now() - this.#streamTriedAtMs < STREAM_RETRY_MS) return;
    this.#streamTriedAtMs = performance.now();
    await look.begin();
    try {
      this.#stream = await openCommitStream(kafka, look, this.#scope, this.#stop);
    } catch (fault) {
      if (this.#stop.aborted) return;
      log.info({ err: fault, cluster }, "__consumer_offsets cannot be read; committed offsets are polled");
    }
  }

  async #closeStream(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    await stream?.stop();
  }

  async #sweep(look: Look, writer: TruthWriter): Promise<void> {
    const at = new Date();
    const startedMs = performance.now();
    const clusterId = await look.begin();
    const { topics, unread } = await look.topics();
    const groups = await look.groups();
    const commits = this.#stream ? this.#stream.take() : polledCommits(writer, await look.positions());
    await writer.writeSweep({
      at,
      clusterId,
      topics,
      groups,
      commits,
      way: this.#stream ? "consumer_offsets" : "poll",
      pollMs: this.#options.pollMs,
      problem: problemsOf(topics, unread, groups).join(" ") || null,
    });
    this.#options.log.debug(
      {
        cluster: this.#options.cluster,
        tookMs: Math.round(performance.now() - startedMs),
        topics: topics.length,
        groups: groups.length,
        commits: commits.length,
      },
      LOOKED,
    );
  }

  /** Writes what the stream brings until it is time for the next sweep. */
  async #followCommits(writer: TruthWriter, untilMs: number): Promise<void> {
    while (!this.#stop.aborted && this.#office.lost() === undefined) {
      const leftMs = untilMs - performance.now();
      if (leftMs <= 0) return;
      await pause(this.#stream ? Math.min(leftMs, COMMITS_EVERY_MS) : leftMs, this.#stop);
      const commits = this.#stream?.take() ?? [];
      if (commits.length > 0) await writer.writeCommits(commits);
    }
  }
}

/** A broker does not refuse to list groups: it leaves out those that the user may not describe. */
const NO_GROUPS =
  "No consumer group is shown: there is none, or this user may not see them (grant Describe on groups).";

const NAMED_MAX = 5;

/** What a sweep could not see, in sentences. */
function problemsOf(
  topics: readonly TopicLook[],
  unread: readonly string[],
  groups: readonly GroupLook[],
): string[] {
  const leaderless = topics.flatMap((it) => it.leaderless.map((partition) => `${it.topic}/${partition}`));
  const named = (names: readonly string[]) =>
    `${names.slice(0, NAMED_MAX).join(", ")}${names.length > NAMED_MAX ? ", ..." : ""}`;
  return [
    ...(leaderless.length > 0
      ? [`Partitions without a leader: ${leaderless.length}, ${named(leaderless)}.`]
      : []),
    ...(unread.length > 0 ? [`Topics that could not be read: ${unread.length}, ${named(unread)}.`] : []),
    ...(groups.length === 0 ? [NO_GROUPS] : []),
  ];
}

/** What a poll found, and what it did not find any more: every listed group was asked. */
function polledCommits({ known }: TruthWriter, found: readonly PositionLook[]): Commit[] {
  const atMs = Date.now();
  const keys = new Set(found.map((it) => positionKey(it.groupId, it.topic, it.partition)));
  const gone = [...known.positions]
    .filter(([key, { isGone }]) => !isGone && !keys.has(key))
    .map(([key]) => {
      const [groupId = "", topic = "", partition = ""] = key.split("\0");
      return { groupId, topic, partition: Number(partition), committed: null, atMs };
    });
  return [...found.map((it) => ({ ...it, atMs })), ...gone];
}

/** kafkajs's faults all have names of its own; everything else is the database's, or ours. */
function isOfKafka(fault: unknown): fault is Error {
  return fault instanceof Error && fault.name.startsWith("KafkaJS");
}

function deferred(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((done) => (resolve = done));
  return { promise, resolve };
}

async function pause(ms: number, stop: AbortSignal): Promise<void> {
  // Cut short by stop(), which is no fault.
  await setTimeout(ms, undefined, { signal: stop }).catch(() => undefined);
}
