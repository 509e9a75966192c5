import { createHash } from "node:crypto";
import { CompressionTypes, Kafka, logLevel } from "kafkajs";
import type { Pool } from "pg";
import { aSpan, encodeTraces, type TestSpan } from "../../test/support/otlp.ts";

/** Spans whose ids and content follow from their number, so that what is stored can be checked row by row. */
export interface SpanLoad {
  readonly spans: number;
  readonly partitions: number;
  readonly spansPerRecord: number;
  /** Share of the records that the sender sends twice, as collectors do after a lost answer. */
  readonly twiceShare: number;
  /** Records between which the sender pauses, and for how long: a stream, not one lump. */
  readonly recordsPerSecond: number;
  /** How many spans may be sent by now; the sender waits there. */
  readonly sendUpTo: () => number;
}

const LOOK_EVERY_MS = 5;

const md5 = (text: string): string => createHash("md5").update(text).digest("hex");

function numberedSpan(n: number, startNs: bigint): TestSpan {
  return aSpan({
    traceId: md5(`trace ${Math.floor(n / 8)}`),
    spanId: md5(`span ${n}`).slice(0, 16),
    name: "process orders",
    startNs: startNs + BigInt(n),
    attributes: {
      n,
      check: md5(`check ${n}`),
      "messaging.system": "kafka",
      "messaging.destination.name": "orders",
      "messaging.destination.partition.id": String(n % 12),
      "messaging.kafka.offset": Math.floor(n / 12),
    },
    service: `service-${n % 7}`,
  });
}

/** Sends a load into the span topic; resolves when the broker has all of it. */
export async function sendLoad(
  brokers: readonly string[],
  topic: string,
  load: SpanLoad,
  onSent: (spans: number) => void,
): Promise<void> {
  const producer = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING }).producer({
    idempotent: true,
    maxInFlightRequests: 1,
  });
  await producer.connect();
  const startNs = BigInt(Date.now()) * 1_000_000n;
  let startedAt = performance.now();
  for (let first = 0, record = 0; first < load.spans; first += load.spansPerRecord, record++) {
    const heldAt = performance.now();
    while (first >= load.sendUpTo()) await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    // What was held back comes as a stream too.
    startedAt += performance.now() - heldAt;
    const count = Math.min(load.spansPerRecord, load.spans - first);
    const value = encodeTraces(Array.from({ length: count }, (_, i) => numberedSpan(first + i, startNs)));
    const isTwice = (record * load.twiceShare) % 1 < load.twiceShare;
    const message = { value, partition: record % load.partitions };
    // The copy goes to another partition: an indexer meets it where no offset tells that it is one.
    const copy = { value, partition: (record + 1) % load.partitions };
    await producer.send({
      topic,
      messages: isTwice ? [message, copy] : [message],
      compression: CompressionTypes.GZIP,
    });
    onSent(first + count);
    const aheadMs = (record / load.recordsPerSecond) * 1_000 - (performance.now() - startedAt);
    if (aheadMs > 5) await new Promise((resolve) => setTimeout(resolve, aheadMs));
  }
  await producer.disconnect();
}

/** What is wrong with what is stored. */
export interface LoadFaults {
  readonly lost: number;
  readonly doubled: number;
  readonly corrupt: number;
}

export async function storedSpans(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ count: string }>("SELECT count(*) FROM trail_private.spans");
  return Number(rows[0]?.count);
}

/** How far all partitions of the span topic are stored, added up: grows with every write. */
export async function storedUpTo(pool: Pool): Promise<number> {
  const { rows } = await pool.query<{ sum: string | null }>(
    "SELECT sum(next_offset) FROM trail_private.source_offsets",
  );
  return Number(rows[0]?.sum);
}

/** Compares every stored row with what its number says it must be. */
export async function checkLoad(pool: Pool, spans: number): Promise<LoadFaults> {
  const { rows } = await pool.query<{ total: string; distinct: string; corrupt: string }>(
    `
    SELECT count(*) AS total, count(DISTINCT n) AS distinct,
           count(*) FILTER (WHERE n IS NULL OR n < 0 OR n >= $1
             OR replace(trace_id::text, '-', '') <> md5('trace ' || n / 8)
             OR lpad(to_hex(span_id), 16, '0') <> left(md5('span ' || n), 16)
             OR attributes ->> 'check' <> md5('check ' || n)
             OR partition <> n % 12 OR message_offset <> n / 12) AS corrupt
      FROM (SELECT *, (attributes ->> 'n')::bigint AS n FROM trail_private.spans) s`,
    [spans],
  );
  const [total, distinct, corrupt] = [rows[0]?.total, rows[0]?.distinct, rows[0]?.corrupt].map(Number) as [
    number,
    number,
    number,
  ];
  return { lost: spans - distinct, doubled: total - distinct, corrupt };
}
