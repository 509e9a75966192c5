import type { ClientBase } from "pg";
import { takeIndexes } from "./take-indexes.ts";

export const TOPICS = 40;
export const PARTITIONS = 12;
export const GROUPS = 5;
const CELLS = TOPICS * PARTITIONS;
/** Messages of one span, where a group handles batches. */
const BATCH = 50;
/** How far a group's commit is behind the log's end, and where it fell behind. */
const LAG = 60;
const LAG_OF_STOPPED = 1_000;

/** One in so many: offsets that hold no message, sends without a span, handlings without a span, attempts that failed. */
const VOID_EVERY = 1_000;
const UNSEEN_SEND_EVERY = 211;
const UNSEEN_HANDLING_EVERY = 101;
const RETRIED_EVERY = 97;
const FAILED_EVERY = 499;

/** What was loaded. */
export interface Day {
  readonly perPartition: number;
  readonly messages: number;
  readonly spans: number;
  readonly ranges: number;
}

/**
 * Loads 24 hours of messages, made inside Postgres. Every message is sent by a span of its own. Of five groups, 0 and 1
 * handle message by message, 2 and 3 in batches of 50, and 4 sends no spans; all lag by 60 messages on each partition, and
 * group 1 has stopped reading every eighth topic a while ago. Spans are missing, attempts fail (most are tried again), and
 * one offset in a thousand holds no message.
 */
export async function loadDay(
  client: ClientBase,
  messages: number,
  progress: (line: string) => void,
): Promise<Day> {
  const perPartition = Math.floor(messages / CELLS);
  const day = new DayTables(client, perPartition, progress);
  await client.query(
    "SET synchronous_commit = off; SET maintenance_work_mem = '512MB'; SET work_mem = '64MB'",
  );
  await day.names();
  await day.brokersTruth();
  const indexes = await takeIndexes(client, ["spans", "offset_ranges"]);
  await day.sends();
  for (const group of [0, 1]) await day.messageByMessage(group);
  for (const group of [2, 3]) await day.batchByBatch(group);
  await day.ledger();
  for (const { index, made } of indexes) {
    progress(`index ${index}`);
    await client.query(made);
  }
  progress("VACUUM and ANALYZE");
  await client.query("VACUUM (ANALYZE)");
  await client.query("RESET ALL");
  const { rows } = await client.query<{ spans: string; ranges: string }>(
    "SELECT (SELECT count(*) FROM trail_private.spans) AS spans, (SELECT count(*) FROM trail_private.offset_ranges) AS ranges",
  );
  return {
    perPartition,
    messages: perPartition * CELLS,
    spans: Number(rows[0]?.spans),
    ranges: Number(rows[0]?.ranges),
  };
}

/** Rows are made in the order of time, over all topics and partitions at once, as they would have come. */
class DayTables {
  readonly #client: ClientBase;
  readonly #perPartition: number;
  readonly #progress: (line: string) => void;
  readonly #beganAt = new Date(Date.now() - 24 * 3_600_000).toISOString();
  readonly #step: string;

  constructor(client: ClientBase, perPartition: number, progress: (line: string) => void) {
    this.#client = client;
    this.#perPartition = perPartition;
    this.#progress = progress;
    // The last message is five minutes old: everything has settled.
    this.#step = `interval '${(24 * 60 - 5) * 60} seconds' / ${perPartition * CELLS}`;
  }

  /** When message m of the day was sent. */
  #at = (m: string): string => `timestamptz '${this.#beganAt}' + (${m}) * ${this.#step}`;

  /** How far a group is on the partition of a topic: topics 1, 9, 17 ... are where group 1 has stopped. */
  #committed = (group: string, topic: string): string =>
    `greatest(0, ${this.#perPartition} - CASE WHEN ${group} = 2 AND ${topic} % 8 = 1 THEN ${LAG_OF_STOPPED} ELSE ${LAG} END)`;

  async names(): Promise<void> {
    await this.#client.query(`
      INSERT INTO trail_private.services (service_id, name) SELECT s, 'service-' || s FROM generate_series(1, ${GROUPS + 1}) s;
      INSERT INTO trail_private.span_names (span_name_id, name) VALUES (1, 'send'), (2, 'process');
      INSERT INTO trail_private.resources (resource_id, hash, attributes) VALUES (1, '\\x00', '{}');
      INSERT INTO trail_private.topics (topic_id, name) SELECT t, 'topic-' || t - 1 FROM generate_series(1, ${TOPICS}) t;
      INSERT INTO trail_private.consumer_groups (consumer_group_id, name) SELECT g, 'group-' || g - 1 FROM generate_series(1, ${GROUPS}) g`);
  }

  /** As a watcher with a period of 10 s would have written it: one change per partition and group at each look that saw one. */
  async brokersTruth(): Promise<void> {
    const [began, all] = [`timestamptz '${this.#beganAt}'`, this.#perPartition];
    const cells = `generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p`;
    const everyTenth = `generate_series(10, ${all}, 10) o`;
    this.#progress("the broker's truth");
    await this.#client.query(`
      INSERT INTO trail_private.watchers (cluster, way, poll_ms, swept_at) VALUES ('', 'poll', 3600000, now());
      INSERT INTO trail_private.topic_incarnations SELECT t, 1, NULL, ${began} FROM generate_series(1, ${TOPICS}) t;
      INSERT INTO trail_private.group_states SELECT g, CASE g WHEN 2 THEN 'Empty' ELSE 'Stable' END, CASE g WHEN 2 THEN 0 ELSE 3 END, now()
      FROM generate_series(1, ${GROUPS}) g;
      INSERT INTO trail_private.log_positions (topic_id, incarnation, partition, log_start, log_end, first_end, first_seen_at, observed_at)
      SELECT t, 1, p, 0, ${all}, 0, ${began}, now() - interval '2 minutes' FROM ${cells};
      INSERT INTO trail_private.log_position_changes (observed_at, log_start, log_end, topic_id, incarnation, partition)
      SELECT ${this.#at(`o * ${CELLS} + p * ${TOPICS} + t`)}, 0, o, t, 1, p FROM ${cells}, ${everyTenth};
      INSERT INTO trail_private.group_positions (consumer_group_id, topic_id, incarnation, partition, committed, first_position, committed_max, first_seen_at, committed_at)
      SELECT g, t, 1, p, c, 0, c, ${began}, now() - interval '5 minutes'
      FROM generate_series(1, ${GROUPS}) g, ${cells}, LATERAL (SELECT ${this.#committed("g", "t")} AS c) x;
      INSERT INTO trail_private.group_position_changes (committed_at, committed, committed_max, consumer_group_id, topic_id, incarnation, partition)
      SELECT ${this.#at(`(o + ${LAG}) * ${CELLS} + p * ${TOPICS} + t`)}, o, o, g, t, 1, p
      FROM generate_series(1, ${GROUPS}) g, ${cells}, ${everyTenth} WHERE o <= ${this.#committed("g", "t")}`);
  }

  async sends(): Promise<void> {
    await this.#byTheHour(
      "sends",
      (from, to) => `
      INSERT INTO trail_private.spans
      SELECT ${this.#at("m")}, m + 1, NULL, m / ${CELLS}, 2000000, 1, 1, 1, m % ${TOPICS} + 1, m / ${TOPICS} % ${PARTITIONS}, NULL, NULL,
        0, 4, 0, 2, ${trace("'send'", "m")}, 'key-' || m % 100000, NULL, ${attributes("send")}, NULL
      FROM generate_series(${from}::bigint, ${to}::bigint) m
      WHERE (m / ${CELLS}) % ${VOID_EVERY} <> ${VOID_EVERY - 1} AND m % ${UNSEEN_SEND_EVERY} <> 0`,
    );
  }

  /** A first attempt, and a second one where the first has failed and it is not given up. */
  async messageByMessage(group: number): Promise<void> {
    const id = group + 1;
    await this.#byTheHour(
      `group-${group}, message by message`,
      (from, to) => `
      INSERT INTO trail_private.spans
      SELECT ${this.#at(`m + ${LAG * CELLS}`)} + (a - 1) * interval '1 second', ${id}000000000 + m * 2 + a, m + 1, m / ${CELLS}, 9000000, ${id + 1}, 2, 1,
        m % ${TOPICS} + 1, m / ${TOPICS} % ${PARTITIONS}, ${id}, a, 0, 5, CASE WHEN is_failed THEN 2 ELSE 0 END, 4,
        ${trace("'send'", "m")}, 'key-' || m % 100000, NULL, ${attributes("process")}, NULL
      FROM generate_series(${from}::bigint, ${to}::bigint) m
      CROSS JOIN LATERAL (SELECT m % ${FAILED_EVERY} = ${group} AS is_given_up, m % ${RETRIED_EVERY} = ${group} AS is_retried) x
      CROSS JOIN LATERAL (SELECT a, is_given_up OR is_retried AND a = 1 AS is_failed
        FROM generate_series(1, CASE WHEN is_retried OR is_given_up THEN 2 ELSE 1 END) a) y
      WHERE m / ${CELLS} < ${this.#committed(String(id), `(m % ${TOPICS} + 1)`)}
        AND (m / ${CELLS}) % ${VOID_EVERY} <> ${VOID_EVERY - 1} AND m % ${UNSEEN_HANDLING_EVERY} <> ${group}`,
    );
  }

  async batchByBatch(group: number): Promise<void> {
    const id = group + 1;
    const batches = `generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p,
      generate_series(0, ${this.#perPartition - LAG - BATCH}, ${BATCH}) o`;
    const at = this.#at(`(o + ${BATCH + LAG}) * ${CELLS} + p * ${TOPICS} + t`);
    this.#progress(`group-${group}, batch by batch`);
    await this.#client.query(`
      INSERT INTO trail_private.spans
      SELECT ${at}, 1, NULL, NULL, 9000000, ${id + 1}, 2, 1, t, p, ${id}, 1, 0, 5, 0, 4, ${trace(id, "t", "p", "o")}, NULL, NULL,
        '{"messaging.batch.message_count": ${BATCH}}', NULL FROM ${batches};
      INSERT INTO trail_private.offset_ranges
      SELECT ${at}, 1, o, o + ${BATCH - 1}, t, p, ${id}, 2, ${trace(id, "t", "p", "o")} FROM ${batches}`);
  }

  /** What the writer would have kept of these spans: sent, handled well, and void. */
  async ledger(): Promise<void> {
    this.#progress("the ledger");
    const told = (group: string, filter: string): string => `
      INSERT INTO trail_private.ledger (topic_id, incarnation, partition, consumer_group_id, block, first_at, last_at, ranges)
      SELECT topic_id, 1, partition, ${group}, message_offset / 65536, min(start_time), max(start_time),
        range_agg(int8range(message_offset, message_offset, '[]'))
      FROM trail_private.spans WHERE message_offset IS NOT NULL AND ${filter} GROUP BY 1, 3, 4, 5`;
    await this.#client.query(`
      ${told("0", "operation = 2")};
      ${told("consumer_group_id", "operation = 4 AND status <> 2")};
      INSERT INTO trail_private.ledger (topic_id, incarnation, partition, consumer_group_id, block, first_at, last_at, ranges)
      SELECT topic_id, 1, partition, consumer_group_id, first_offset / 65536, min(start_time), max(start_time), range_agg(int8range(first_offset, last_offset, '[]'))
      FROM trail_private.offset_ranges GROUP BY 1, 3, 4, 5;
      INSERT INTO trail_private.ledger (topic_id, incarnation, partition, consumer_group_id, block, first_at, last_at, ranges)
      SELECT t, 1, p, -1, o / 65536, now(), now(), range_agg(int8range(o, o, '[]'))
      FROM generate_series(1, ${TOPICS}) t, generate_series(0, ${PARTITIONS - 1}) p, generate_series(${VOID_EVERY - 1}, ${this.#perPartition - 1}, ${VOID_EVERY}) o
      GROUP BY 1, 3, 5`);
  }

  async #byTheHour(what: string, statement: (from: number, to: number) => string): Promise<void> {
    const all = this.#perPartition * CELLS;
    const piece = Math.ceil(all / 8);
    for (let from = 0; from < all; from += piece) {
      this.#progress(`${what}: ${from} of ${all}`);
      await this.#client.query(statement(from, Math.min(all, from + piece) - 1));
    }
  }
}

const trace = (...of: (string | number)[]): string => `md5(concat_ws('/', ${of.join(", ")}))::uuid`;
const attributes = (operation: string): string =>
  `'{"messaging.system": "kafka", "messaging.operation.name": "${operation}"}'`;
