import type { GroupVerdictAnswer } from "../../trace-store/query/answers.ts";
import type { CoverageRow, GroupRow, UndeliveredMessage } from "../../trace-store/query/list-answers.ts";
import type { TestDatabase } from "./database.ts";

// What a person types, with times as text in UTC: the driver would cut them to milliseconds.
const utc = (column: string) => `to_char(${column} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

type Row = Record<string, unknown>;

async function rowsOf(database: TestDatabase, text: string, values: readonly unknown[]): Promise<Row[]> {
  const client = await database.pool.connect();
  try {
    const { rows } = await client.query<Row>(text, [...values]);
    return rows;
  } finally {
    client.release();
  }
}

/** The verdicts of one message by SQL, without what depends on the moment of asking. */
export async function sqlVerdicts(
  database: TestDatabase,
  at: readonly [topic: string, partition: number, messageOffset: string],
): Promise<Partial<GroupVerdictAnswer>[]> {
  const rows = await rowsOf(
    database,
    `SELECT consumer_group, verdict, why, forwarded_to, attempts, failed_attempts, ${utc("started_at")} AS started_at,
       waited_ns, worked_ns, committed, ahead_messages, flags, replace(trace_id::text, '-', '') AS trace_id, span_id
     FROM trail.verdicts($1, $2, $3) ORDER BY consumer_group`,
    at,
  );
  return rows.map((row) => ({
    consumerGroup: row["consumer_group"] as string | null,
    verdict: row["verdict"] as GroupVerdictAnswer["verdict"],
    why: row["why"] as string,
    forwardedTo: row["forwarded_to"] as string | null,
    attempts: Number(row["attempts"]),
    failedAttempts: Number(row["failed_attempts"]),
    startedAt: row["started_at"] as string | null,
    waitedNs: row["waited_ns"] as string | null,
    workedNs: row["worked_ns"] as string | null,
    committed: row["committed"] as string | null,
    aheadMessages: row["ahead_messages"] as string | null,
    flags: row["flags"] as string[],
    traceId: row["trace_id"] as string | null,
    spanId: row["span_id"] as string | null,
  }));
}

/** What a group has not dealt with, by SQL. */
export async function sqlUndelivered(
  database: TestDatabase,
  topic: string,
  consumerGroup: string,
): Promise<Partial<UndeliveredMessage>[]> {
  const rows = await rowsOf(
    database,
    `SELECT partition, message_offset, verdict, why, message_key FROM trail.undelivered($1, $2, older_than => '0 s')
     ORDER BY partition, message_offset`,
    [topic, consumerGroup],
  );
  return rows.map((row) => ({
    partition: row["partition"] as number,
    messageOffset: row["message_offset"] as string,
    verdict: row["verdict"] as UndeliveredMessage["verdict"],
    why: row["why"] as string,
    messageKey: row["message_key"] as string | null,
  }));
}

/** A topic's coverage, by SQL. */
export async function sqlCoverage(database: TestDatabase, topic: string): Promise<Partial<CoverageRow>[]> {
  const rows = await rowsOf(
    database,
    `SELECT partition, consumer_group, offsets, void, seen, unaccounted FROM trail.coverage($1)
     ORDER BY partition, consumer_group NULLS FIRST`,
    [topic],
  );
  return rows.map((row) => ({
    partition: row["partition"] as number,
    consumerGroup: row["consumer_group"] as string | null,
    offsets: row["offsets"] as string,
    void: row["void"] as string,
    seen: row["seen"] as string,
    unaccounted: row["unaccounted"] as string,
  }));
}

/** Where the groups stand, by SQL. */
export async function sqlGroups(database: TestDatabase, topic: string): Promise<Partial<GroupRow>[]> {
  const rows = await rowsOf(
    database,
    `SELECT consumer_group, state, members, partition, committed, log_end, lag_messages FROM trail.groups
     WHERE topic = $1 ORDER BY consumer_group, partition`,
    [topic],
  );
  return rows.map((row) => ({
    consumerGroup: row["consumer_group"] as string,
    state: row["state"] as string | null,
    members: row["members"] as number | null,
    partition: row["partition"] as number,
    committed: row["committed"] as string,
    logEnd: row["log_end"] as string,
    lagMessages: row["lag_messages"] as string,
  }));
}
