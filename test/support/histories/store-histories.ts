import type { ClientBase } from "pg";
import { Operation, RangeRole } from "../../../trace-store/span/vocabulary.ts";
import { COPY_TOPICS, type Attempt, type GroupEvidence, type History, type Life } from "./history.ts";

const TOPICS_FROM = 10;

const BATCH_ROLE = {
  ok: RangeRole.processed,
  failed: RangeRole.failed,
  in_progress: RangeRole.received,
} as const;

/** Rows by table, as JSON. */
type Rows = Record<string, Record<string, unknown>[]>;

/** The cluster's name under which a history is stored: each has one of its own, and a watcher's word on it. */
export const clusterOf = (index: number): string => `h${index}`;

/** Stores histories as the writer and the watcher would have, all beginning at `baseMs`. */
export async function storeHistories(
  client: ClientBase,
  histories: readonly History[],
  baseMs: number,
): Promise<void> {
  const rows: Rows = {};
  for (const [name, id] of Object.values(COPY_TOPICS).map((name, i) => [name, i + 1] as const)) {
    add(rows, "topics", { topic_id: id, cluster: "", name });
  }
  add(rows, "services", { service_id: 1, name: "a service" });
  add(rows, "span_names", { span_name_id: 1, name: "a span" });
  add(rows, "resources", { resource_id: 1, hash: "\\x00", attributes: {} });
  for (const [index, history] of histories.entries()) new HistoryRows(rows, history, index, baseMs).add();
  const tables = Object.keys(rows).map((it) => `trail_private.${it}`);
  await client.query(`TRUNCATE ${tables.join(", ")}, trail_private.spans, trail_private.span_links,
    trail_private.offset_ranges, trail_private.group_positions, trail_private.group_position_changes,
    trail_private.log_position_changes, trail_private.ledger, trail_private.consumer_groups`);
  for (const [table, values] of Object.entries(rows)) {
    // Identity columns are given by default: ours are taken. What no row names keeps its default.
    const columns = [...new Set(values.flatMap((row) => Object.keys(row)))].join(", ");
    await client.query(
      `INSERT INTO trail_private.${table} (${columns})
       SELECT ${columns} FROM jsonb_populate_recordset(NULL::trail_private.${table}, $1)`,
      [JSON.stringify(values)],
    );
  }
  await client.query("ANALYZE");
}

function add(rows: Rows, table: string, row: Record<string, unknown>): void {
  (rows[table] ??= []).push(row);
}

/** The rows of one history. */
class HistoryRows {
  readonly #rows: Rows;
  readonly #history: History;
  readonly #index: number;
  readonly #baseMs: number;
  readonly #topicId: number;
  #traces = 0;

  constructor(rows: Rows, history: History, index: number, baseMs: number) {
    this.#rows = rows;
    this.#history = history;
    this.#index = index;
    this.#baseMs = baseMs;
    this.#topicId = TOPICS_FROM + index;
  }

  add(): void {
    const { lives, asOfMs, isBrokerSeen } = this.#history;
    this.#add("topics", { topic_id: this.#topicId, cluster: clusterOf(this.#index), name: "orders" });
    const sweptAtMs = isBrokerSeen ? asOfMs - 1_000 : asOfMs - 600_000;
    this.#add("watchers", {
      cluster: clusterOf(this.#index),
      way: "poll",
      poll_ms: 5_000,
      swept_at: this.#time(sweptAtMs),
    });
    const names = new Set(lives.flatMap(({ groups }) => [...groups.keys()]));
    for (const [i, name] of [...names].entries()) {
      this.#add("consumer_groups", {
        consumer_group_id: this.#groupId(i),
        cluster: clusterOf(this.#index),
        name,
      });
    }
    for (const [i, life] of lives.entries()) this.#addLife(life, i + 1, [...names]);
  }

  #groupId = (i: number): number => 1 + this.#index * 5 + i;
  #time = (ms: number): string => new Date(this.#baseMs + ms).toISOString();
  #add(table: string, row: Record<string, unknown>): void {
    add(this.#rows, table, row);
  }

  #trace(): string {
    const trace = this.#index * 1_000 + ++this.#traces;
    return `00000000-0000-4000-8000-${trace.toString(16).padStart(12, "0")}`;
  }

  #addLife(life: Life, incarnation: number, names: readonly string[]): void {
    const at = { topic_id: this.#topicId, incarnation, partition: 0 };
    const bornAt = this.#time(life.bornAtMs);
    this.#add("topic_incarnations", { topic_id: this.#topicId, incarnation, first_seen_at: bornAt });
    this.#add("log_positions", {
      ...at,
      log_start: life.logStart,
      log_end: life.logEnd,
      first_end: 0,
      first_seen_at: bornAt,
      observed_at: bornAt,
    });
    for (const { atMs, logStart } of life.logStarts) {
      this.#add("log_position_changes", {
        ...at,
        observed_at: this.#time(atMs),
        log_start: logStart,
        log_end: life.logEnd,
      });
    }
    for (const send of life.sends) {
      this.#span(this.#trace(), 1, Operation.send, send.startMs, send.endMs, { offset: send.offset });
      this.#mark(at, 0, send.offset);
    }
    for (const offset of life.aborted) {
      this.#range(this.#trace(), 1, life.bornAtMs, offset, RangeRole.aborted, null);
      this.#mark(at, -1, offset);
    }
    for (const offset of life.voids) this.#mark(at, -1, offset);
    for (const group of life.groups.values()) {
      this.#addGroup(life, group, at, this.#groupId(names.indexOf(group.name)));
    }
  }

  #addGroup(life: Life, group: GroupEvidence, at: Record<string, number>, groupId: number): void {
    let highest = -1;
    for (const { atMs, committed } of group.commits) {
      highest = Math.max(highest, committed);
      this.#add("group_position_changes", {
        ...at,
        consumer_group_id: groupId,
        committed,
        committed_max: highest,
        committed_at: this.#time(atMs),
      });
    }
    const last = group.commits.at(-1);
    if (last) {
      this.#add("group_positions", {
        ...at,
        consumer_group_id: groupId,
        committed: last.committed,
        committed_max: highest,
        first_position: group.firstPosition,
        first_seen_at: this.#time(group.commits[0]?.atMs ?? 0),
        committed_at: this.#time(last.atMs),
        gone_at: group.isGone ? this.#time(this.#history.asOfMs) : null,
        expired: `{${group.expired.map(({ from, to }) => `[${from},${to})`).join(",")}}`,
      });
    }
    const places = group.attempts.map((attempt) => this.#addAttempt(life, attempt, at, groupId));
    for (const copy of group.copies) this.#addCopy(copy, places, group);
    for (const offset of group.skipped)
      this.#range(this.#trace(), 1, life.bornAtMs + 1, offset, RangeRole.skipped, groupId);
    for (const offset of group.held)
      this.#range(this.#trace(), 1, life.bornAtMs + 1, offset, RangeRole.held, groupId);
  }

  #addAttempt(life: Life, attempt: Attempt, at: Record<string, number>, groupId: number): string {
    const { offset, startMs, endMs, outcome, isBatch } = attempt;
    const trace = this.#trace();
    const operation = outcome === "in_progress" ? Operation.inProgress : Operation.process;
    const status = outcome === "failed" ? 2 : 0;
    if (isBatch) {
      this.#span(trace, 1, operation, startMs, endMs, {
        groupId,
        attributes: { "messaging.batch.message_count": 1 },
      });
      this.#range(trace, 1, startMs, offset, BATCH_ROLE[outcome], groupId);
    } else this.#span(trace, 1, operation, startMs, endMs, { offset, groupId, status });
    if (outcome === "ok") this.#mark(at, groupId, offset);
    return trace;
  }

  #addCopy(
    { offset, to, how, attempt }: GroupEvidence["copies"][number],
    places: readonly string[],
    group: GroupEvidence,
  ): void {
    const atMs = this.#history.lives.findLast((life) => life.groups.get(group.name) === group)?.bornAtMs ?? 0;
    const topicId = Object.keys(COPY_TOPICS).indexOf(to) + 1;
    const copied = { offset: 7, topicId, attributes: {} };
    if (how === "below") {
      // Not directly below: the app has a span of its own in between.
      const trace = places[attempt] ?? "";
      const id = ++this.#traces;
      this.#span(trace, id * 2, Operation.none, atMs + 2, atMs + 3, { parent: 1, topicId: null });
      this.#span(trace, id * 2 + 1, Operation.send, atMs + 2, atMs + 3, { ...copied, parent: id * 2 });
      return;
    }
    const trace = this.#trace();
    if (how === "origin") copied.attributes = { "kafka_trail.origin.group": group.name };
    this.#span(trace, 1, Operation.send, atMs + 2, atMs + 3, copied);
    if (how === "origin") this.#range(trace, 1, atMs + 2, offset, RangeRole.origin, null);
    else {
      this.#add("span_links", {
        start_time: this.#time(atMs + 2),
        trace_id: trace,
        span_id: 1,
        to_trace_id: places[attempt],
        to_span_id: 1,
      });
    }
  }

  #span(
    trace: string,
    id: number,
    operation: number,
    startMs: number,
    endMs: number,
    more: {
      offset?: number;
      groupId?: number;
      status?: number;
      parent?: number;
      topicId?: number | null;
      attributes?: object;
    },
  ): void {
    const topicId = more.topicId === undefined ? this.#topicId : more.topicId;
    this.#add("spans", {
      start_time: this.#time(startMs),
      span_id: id,
      parent_span_id: more.parent ?? null,
      message_offset: more.offset ?? null,
      duration_ns: (endMs - startMs) * 1_000_000,
      service_id: 1,
      span_name_id: 1,
      resource_id: 1,
      topic_id: topicId,
      partition: more.offset === undefined ? null : 0,
      consumer_group_id: more.groupId ?? null,
      attempt: operation === Operation.process ? 1 : null,
      start_ns: 0,
      kind: operation === Operation.send ? 4 : 5,
      status: more.status ?? 0,
      operation,
      trace_id: trace,
      attributes: more.attributes ?? {},
    });
  }

  #range(
    trace: string,
    id: number,
    atMs: number,
    offset: number,
    role: number,
    groupId: number | null,
  ): void {
    this.#add("offset_ranges", {
      start_time: this.#time(atMs),
      span_id: id,
      first_offset: offset,
      last_offset: offset,
      topic_id: this.#topicId,
      partition: 0,
      consumer_group_id: groupId,
      role,
      trace_id: trace,
    });
  }

  /** The ledger's one block of so short a partition. */
  #mark(at: Record<string, number>, groupId: number, offset: number): void {
    const ledger = (this.#rows["ledger"] ??= []);
    const known = ledger.findLast(
      (it) =>
        it["topic_id"] === at["topic_id"] &&
        it["incarnation"] === at["incarnation"] &&
        it["consumer_group_id"] === groupId,
    );
    const range = `[${offset},${offset}]`;
    if (known) known["ranges"] = `${(known["ranges"] as string).slice(0, -1)},${range}}`;
    else {
      const time = this.#time(0);
      ledger.push({
        ...at,
        consumer_group_id: groupId,
        block: 0,
        sampled: false,
        first_at: time,
        last_at: time,
        ranges: `{${range}}`,
      });
    }
  }
}
