import type { HopAnswer } from "../../trace-store/query/answers.ts";
import type { TestDatabase } from "./database.ts";

/** What a person types. */
const STATEMENTS = {
  trail: "SELECT * FROM trail.trail($1)",
  message: "SELECT * FROM trail.message($1, $2, $3)",
  find: "SELECT (hop).* FROM trail.find($1)",
} as const;

/** A row of `trail.hops` as node-postgres hands it out: 64-bit numbers are strings already. */
interface HopRow {
  readonly trace_hex: string;
  readonly msg_id: string;
  readonly service: string;
  readonly status: HopAnswer["status"];
  readonly operation: HopAnswer["operation"];
  readonly cluster: string;
  readonly topic: string | null;
  readonly partition: number | null;
  readonly message_offset: string | null;
  readonly consumer_group: string | null;
  readonly message_key: string | null;
  readonly message_id: string | null;
  readonly attempt: number | null;
  readonly start_unix_nano: string;
  readonly duration_ns: string;
  readonly span_id: string;
  readonly parent_span_id: string | null;
  readonly span_name: string;
  readonly error: string | null;
}

/** Asks for hops by SQL, oldest first, and spells them as the other doors do. */
export async function sqlHops(
  database: TestDatabase,
  question: keyof typeof STATEMENTS,
  values: readonly unknown[],
): Promise<HopAnswer[]> {
  const { rows } = await database.pool.query<HopRow>(STATEMENTS[question], [...values]);
  return rows.map(spelled).toSorted((a, b) => Number(BigInt(a.startUnixNano) - BigInt(b.startUnixNano)));
}

function spelled(row: HopRow): HopAnswer {
  return {
    traceId: row.trace_hex,
    msgId: row.msg_id,
    service: row.service,
    status: row.status,
    operation: row.operation,
    cluster: row.cluster,
    topic: row.topic,
    partition: row.partition,
    messageOffset: row.message_offset,
    consumerGroup: row.consumer_group,
    messageKey: row.message_key,
    messageId: row.message_id,
    attempt: row.attempt,
    startTime: momentOf(BigInt(row.start_unix_nano)),
    startUnixNano: row.start_unix_nano,
    durationNs: row.duration_ns,
    spanId: row.span_id,
    parentSpanId: row.parent_span_id,
    spanName: row.span_name,
    error: row.error,
  };
}

function momentOf(unixNano: bigint): string {
  const toSecond = new Date(Number(unixNano / 1_000_000n)).toISOString().slice(0, 19);
  const microseconds = String((unixNano / 1_000n) % 1_000_000n).padStart(6, "0");
  return `${toSecond}.${microseconds}Z`;
}
