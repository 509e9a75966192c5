import type { Pool } from "pg";
import { decodeRecord } from "../../trace-store/ingest/detect.ts";
import type { PoisonKind } from "./unlike-poison.ts";

/** A poison that the broker has taken. */
export interface SentPoison {
  readonly kind: PoisonKind;
  /** `partition/offset`. */
  readonly place: string;
  readonly traceId: string;
}

const RETENTION_NS = 14n * 86_400_000_000_000n;

/** Says of each poison that is not where it belongs what is wrong, and of each good record that is in quarantine. */
export async function checkPoisons(pool: Pool, poisons: readonly SentPoison[]): Promise<string[]> {
  const { rows } = await pool.query<{ place: string; reason: string }>(
    "SELECT source_partition || '/' || source_offset AS place, reason FROM trail_private.quarantine",
  );
  const reasons = new Map(rows.map(({ place, reason }) => [place, reason]));
  const kinds = [...new Set(poisons.map(({ kind }) => kind))];
  const refused = new Set(
    poisons.flatMap(({ kind, place }) => ("quarantined" in kind.poison.expected ? place : [])),
  );
  const strangers = rows.flatMap(({ place, reason }) =>
    refused.has(place) ? [] : `a record that could be stored, ${place}: ${reason}`,
  );
  const spans = await storedMarks(pool);
  const misplaced = kinds.flatMap((kind) => {
    const { expected } = kind.poison;
    const sent = poisons.filter((it) => it.kind === kind);
    return "quarantined" in expected
      ? checkQuarantined(kind, expected.quarantined, sent, reasons)
      : checkStored(kind, expected.stored, sent, spans);
  });
  return [...strangers, ...misplaced];
}

/** Every one that differs is kept, and of those that are alike one. */
function checkQuarantined(
  { poison, isUnlike }: PoisonKind,
  reason: string,
  sent: readonly SentPoison[],
  reasons: ReadonlyMap<string, string>,
): string[] {
  const kept = sent.filter(({ place }) => reasons.get(place) === reason).length;
  const expected = isUnlike ? sent.length : 1;
  return kept === expected
    ? []
    : [`${poison.name}: ${kept} of ${expected} in quarantine with the reason ${reason}`];
}

function checkStored(
  { poison, make }: PoisonKind,
  marks: readonly string[],
  sent: readonly SentPoison[],
  spans: ReadonlyMap<string, string>,
): string[] {
  // What says that it began before retention is counted, and never stored.
  const [row] = decodeRecord(make(0).bytes).rows;
  const isExpired = (row?.startNs ?? 0n) < BigInt(Date.now()) * 1_000_000n - RETENTION_NS;
  const expected = isExpired ? undefined : marks.join();
  const found = sent.filter(({ traceId }) => spans.get(traceId) === expected).length;
  const where = isExpired ? "not stored, being past retention" : `stored with the marks [${expected}]`;
  return found === sent.length ? [] : [`${poison.name}: ${found} of ${sent.length} ${where}`];
}

/** By trace id, the marks of every span. */
async function storedMarks(pool: Pool): Promise<ReadonlyMap<string, string>> {
  const { rows } = await pool.query<{ trace_hex: string; marks: readonly string[] }>(
    `SELECT replace(trace_id::text, '-', '') AS trace_hex, coalesce(detail -> 'sanitized', '[]') AS marks
     FROM trail_private.all_spans
     WHERE service_id IS DISTINCT FROM (SELECT service_id FROM trail_private.services WHERE name = 'good')`,
  );
  return new Map(rows.map(({ trace_hex, marks }) => [trace_hex, marks.join()]));
}
