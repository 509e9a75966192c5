import type { ClientBase } from "pg";
import { sliceBounds } from "../schema/slices.ts";
import {
  firstPositionOf,
  isMadeAnew,
  positionKey,
  type Commit,
  type Known,
  type KnownTopic,
} from "./known.ts";
import type { GroupLook, LogRange, TopicLook } from "./look.ts";
import { PastLogs } from "./past-logs.ts";
import { readKnown } from "./read-known.ts";
import * as sql from "./truth-sql.ts";

const SLICES_REMEMBERED_MS = 60_000;

/** One look at the broker, ready to be stored. */
export interface Sweep {
  /** When it began: what was in the log by then, it saw. */
  readonly at: Date;
  readonly clusterId: string;
  readonly topics: readonly TopicLook[];
  readonly groups: readonly GroupLook[];
  readonly commits: readonly Commit[];
  readonly way: "consumer_offsets" | "poll";
  readonly pollMs: number;
  readonly problem: string | null;
}

/** Stores the broker's truth: what changed, and when. Remembers what it stored, and starts from what others stored. */
export class TruthWriter {
  readonly #client: ClientBase;
  readonly #cluster: string;
  readonly #known: Known;
  #slices: { readonly fromMs: number; readonly toMs: number }[] = [];
  #slicesReadAtMs = -SLICES_REMEMBERED_MS;
  /** Commits that only the next sweep can place: of topics not known yet, backwards, or of offsets that were gone. */
  #waiting: Commit[] = [];
  /** Groups with offsets that the last sweep did not list: they may have begun while it ran, so the next one decides. */
  #unlisted: ReadonlySet<string> = new Set();
  /** Partitions without a leader, by topic, as of the last sweep: what is found there later is older. */
  #leaderless: ReadonlyMap<string, readonly number[]> = new Map();
  readonly #pastLogs = new PastLogs();

  private constructor(client: ClientBase, cluster: string, known: Known) {
    this.#client = client;
    this.#cluster = cluster;
    this.#known = known;
    if (known.sweptAt !== null) this.#pastLogs.remember(known.topics, known.sweptAt.getTime());
  }

  static async open(client: ClientBase, cluster: string): Promise<TruthWriter> {
    return new TruthWriter(client, cluster, await readKnown(client, cluster));
  }

  get known(): Known {
    return this.#known;
  }

  /** Stores a sweep in one transaction. */
  async writeSweep(sweep: Sweep): Promise<void> {
    const known = this.#known;
    await this.#inTransaction(async () => {
      await this.#writeTopics(sweep);
      await this.#writeGroups(sweep);
      const commits = [...this.#waiting, ...sweep.commits];
      this.#waiting = [];
      // Backwards is now known to be a rewind, as the topic's life was looked at since.
      await this.#writePlaced(commits);
      await this.#client.query(sql.EXPIRE, [this.#cluster]);
      await this.#client.query(sql.SWEPT, [
        this.#cluster,
        sweep.clusterId,
        sweep.way,
        sweep.pollMs,
        sweep.at,
        sweep.problem,
      ]);
    });
    this.#pastLogs.remember(known.topics, Date.now());
    known.hasHistory = true;
    known.sweptAt = sweep.at;
    known.clusterId = sweep.clusterId;
  }

  /** Stores commits as they were read from `__consumer_offsets`, in their order. */
  async writeCommits(commits: readonly Commit[]): Promise<void> {
    const keyOf = (it: Commit) => positionKey(it.groupId, it.topic, it.partition);
    const waiting = new Set(this.#waiting.map(keyOf));
    const placed = commits.filter((commit) => {
      const known = this.#known.positions.get(keyOf(commit));
      const isPlaced =
        // Behind one that waits, all wait: the last one is where the group stands.
        !waiting.has(keyOf(commit)) &&
        this.#known.topics.has(commit.topic) &&
        (commit.committed === null ||
          known === undefined ||
          (!known.isGone && known.committed <= commit.committed));
      if (isPlaced) return true;
      waiting.add(keyOf(commit));
      this.#waiting.push(commit);
      return false;
    });
    if (placed.length === 0) return;
    await this.#inTransaction(() => this.#writePlaced(placed));
  }

  /** Says in the watcher's row why the broker cannot be seen. */
  async writeProblem(way: Sweep["way"], pollMs: number, problem: string): Promise<void> {
    await this.#client.query(sql.PROBLEM, [this.#cluster, way, pollMs, problem]);
  }

  async #inTransaction(work: () => Promise<void>): Promise<void> {
    await this.#client.query("BEGIN");
    try {
      await work();
      await this.#client.query("COMMIT");
    } catch (fault) {
      // What is remembered may be ahead of what is stored: whoever called starts over with a new writer.
      await this.#client.query("ROLLBACK").catch(() => undefined);
      throw fault;
    }
  }

  async #writeTopics(sweep: Sweep): Promise<void> {
    const known = this.#known;
    const names = sweep.topics.map(({ topic }) => topic).filter((it) => !known.topics.has(it));
    const ids = await this.#idsOf(sql.TOPIC_IDS, names);
    const changed: { at: KnownTopic; log: LogRange; firstEnd: bigint }[] = [];
    const lives: { name: string; incarnation: number; topicUuid: string | null; since: Date }[] = [];
    // A new life began after the last sweep that saw the old one: its first messages may be older than this sweep.
    const since = known.sweptAt ?? sweep.at;
    for (const { topic, topicUuid, logs } of sweep.topics) {
      let at = known.topics.get(topic);
      if (at === undefined) {
        at = { topicId: ids.get(topic) ?? 0, incarnation: 1, topicUuid, logs: new Map() };
        known.topics.set(topic, at);
        lives.push({ name: topic, incarnation: 1, topicUuid, since: sweep.at });
      } else if (isMadeAnew(at, topicUuid, logs)) {
        at.incarnation += 1;
        at.topicUuid = topicUuid;
        at.logs = new Map();
        this.#forgetPositions(topic);
        this.#pastLogs.forget(topic);
        lives.push({ name: topic, incarnation: at.incarnation, topicUuid, since });
      }
      for (const log of logs) {
        const was = at.logs.get(log.partition);
        // After a change of leader the end may for a moment be told lower than it was.
        const logEnd = was !== undefined && was.logEnd > log.logEnd ? was.logEnd : log.logEnd;
        if (was?.logStart === log.logStart && was.logEnd === logEnd) continue;
        at.logs.set(log.partition, { ...log, logEnd });
        // A partition that was not there before: all of it was appended under the watcher's eyes.
        const isNew = known.hasHistory && !this.#leaderless.get(topic)?.includes(log.partition);
        changed.push({ at, log: { ...log, logEnd }, firstEnd: isNew ? log.logStart : logEnd });
      }
    }
    this.#leaderless = new Map(sweep.topics.map(({ topic, leaderless }) => [topic, leaderless]));
    if (lives.length > 0) {
      await this.#client.query(sql.LIVES, [
        lives.map((it) => it.name),
        lives.map((it) => it.incarnation),
        lives.map((it) => it.topicUuid),
        lives.map((it) => it.since),
        this.#cluster,
        sweep.clusterId,
      ]);
    }
    if (changed.length === 0) return;
    await this.#client.query(sql.LOGS, [
      changed.map(({ at }) => at.topicId),
      changed.map(({ at }) => at.incarnation),
      changed.map(({ log }) => log.partition),
      changed.map(({ log }) => String(log.logStart)),
      changed.map(({ log }) => String(log.logEnd)),
      changed.map(({ firstEnd }) => String(firstEnd)),
      sweep.at,
      ...(await this.#areInSlices([sweep.at.getTime()])),
    ]);
  }

  #forgetPositions(topic: string): void {
    for (const key of this.#known.positions.keys()) {
      if (key.split("\0")[1] === topic) this.#known.positions.delete(key);
    }
  }

  async #writeGroups(sweep: Sweep): Promise<void> {
    const { groups, groupIds } = this.#known;
    const listed = new Set(sweep.groups.map(({ groupId }) => groupId));
    const unlisted = this.#groupsWithoutState().filter((it) => !listed.has(it));
    const left = [
      ...[...groups.values()]
        .filter((it) => !listed.has(it.groupId) && it.state !== "Gone")
        .map(({ groupId }) => groupId),
      // Deleted before any sweep listed them: the commit stream alone has told of them.
      ...unlisted.filter((it) => this.#unlisted.has(it)),
    ].map((groupId) => ({ groupId, state: "Gone", members: 0 }));
    this.#unlisted = new Set(unlisted);
    const changed = [...sweep.groups, ...left].filter((look) => {
      const was = groups.get(look.groupId);
      return was?.state !== look.state || was.members !== look.members;
    });
    await this.#learnGroups(changed.map(({ groupId }) => groupId));
    if (changed.length === 0) return;
    for (const look of changed) groups.set(look.groupId, look);
    await this.#client.query(sql.GROUPS, [
      changed.map(({ groupId }) => groupIds.get(groupId)),
      changed.map(({ state }) => state),
      changed.map(({ members }) => members),
      sweep.at,
    ]);
  }

  /** Of these, only commits are known. */
  #groupsWithoutState(): string[] {
    const { positions, groups } = this.#known;
    const names = new Set<string>();
    for (const key of positions.keys()) names.add(key.slice(0, key.indexOf("\0")));
    return [...names].filter((it) => !groups.has(it));
  }

  async #learnGroups(groupIds: readonly string[]): Promise<void> {
    const unknown = [...new Set(groupIds)].filter((it) => !this.#known.groupIds.has(it));
    for (const [name, id] of await this.#idsOf(sql.GROUP_IDS, unknown)) this.#known.groupIds.set(name, id);
  }

  async #idsOf(statement: string, names: readonly string[]): Promise<Map<string, number>> {
    if (names.length === 0) return new Map();
    const { rows } = await this.#client.query<{ name: string; id: number }>(statement, [
      this.#cluster,
      names,
    ]);
    return new Map(rows.map(({ name, id }) => [name, id]));
  }

  async #writePlaced(commits: readonly Commit[]): Promise<void> {
    const { topics, positions, groupIds, hasHistory } = this.#known;
    await this.#learnGroups(commits.map(({ groupId }) => groupId));
    const gone: Commit[] = [];
    const moved: { commit: Commit; committed: bigint; first: bigint }[] = [];
    for (const commit of commits) {
      const key = positionKey(commit.groupId, commit.topic, commit.partition);
      const was = positions.get(key);
      if (!topics.has(commit.topic)) continue; // Deleted, or outside of what is watched.
      if (commit.committed === null) {
        if (was === undefined || was.isGone) continue;
        was.isGone = true;
        gone.push(commit);
        continue;
      }
      if (was !== undefined && !was.isGone && was.committed === commit.committed) continue;
      const { committed } = commit;
      const before = this.#pastLogs.before(commit);
      const begun = firstPositionOf(commit.first ?? committed, hasHistory, before);
      positions.set(key, { committed, isGone: false });
      moved.push({ commit, committed, first: begun });
    }
    const at = (it: Commit) => [groupIds.get(it.groupId), topics.get(it.topic)] as const;
    if (moved.length > 0) {
      const areInSlices = await this.#areInSlices(moved.map(({ commit }) => commit.atMs));
      await this.#client.query(sql.COMMITS, [
        moved.map(({ commit }) => at(commit)[0]),
        moved.map(({ commit }) => at(commit)[1]?.topicId),
        moved.map(({ commit }) => at(commit)[1]?.incarnation),
        moved.map(({ commit }) => commit.partition),
        moved.map(({ committed }) => String(committed)),
        moved.map(({ first }) => String(first)),
        moved.map(({ commit }) => new Date(commit.atMs)),
        areInSlices,
      ]);
    }
    if (gone.length === 0) return;
    await this.#client.query(sql.GONE, [
      gone.map((it) => at(it)[0]),
      gone.map((it) => at(it)[1]?.topicId),
      gone.map((it) => at(it)[1]?.incarnation),
      gone.map(({ partition }) => partition),
      gone.map(({ atMs }) => new Date(atMs)),
    ]);
  }

  /** Changes of a time without a slice are not kept: the present state is, and a slice is never made for them. */
  async #areInSlices(times: readonly number[]): Promise<boolean[]> {
    if (performance.now() - this.#slicesReadAtMs > SLICES_REMEMBERED_MS || this.#slices.length === 0) {
      this.#slices = await sliceBounds(this.#client);
      this.#slicesReadAtMs = performance.now();
    }
    return times.map((atMs) => this.#slices.some(({ fromMs, toMs }) => fromMs <= atMs && atMs < toMs));
  }
}
