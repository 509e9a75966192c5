import { Client } from "pg";
import { ensureSlices } from "../../trace-store/schema/slices.ts";
import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { CopyBuffer } from "../../trace-store/write/copy-buffer.ts";
import { copyInto } from "../../trace-store/write/copy-into.ts";
import { Dictionaries } from "../../trace-store/write/dictionaries.ts";
import { putSpan, SPAN_COLUMNS } from "../../trace-store/write/rows.ts";
import { SHUFFLED_SPANS, TrailSpans } from "./trail-spans.ts";

/** Ids of spans that were loaded, chosen evenly. */
export interface LoadedIds {
  readonly traces: string[];
  readonly places: { topic: string; partition: number; messageOffset: string }[];
  readonly keys: string[];
  readonly messageIds: string[];
}

const COPY_SPANS = 50_000;
const HOUR_MS = 3_600_000;
/** As many slices whatever the number of spans, so that only their size differs. */
const SLICES = 24;
const IDS_MAX = 2_000;

/** Loads spans by plain COPY over the last day, with a progress line every few seconds. */
export async function loadSpans(
  databaseUrl: string,
  spans: number,
  isTimeOrdered: boolean,
  progress: (line: string) => void,
): Promise<LoadedIds> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  const now = Date.now();
  const times = { sliceMs: HOUR_MS, aheadMs: HOUR_MS, retentionMs: 2 * SLICES * HOUR_MS };
  await ensureSlices(client, { ...times, now: new Date(now - SLICES * HOUR_MS) });
  await ensureSlices(client, { ...times, now: new Date(now) });
  const stream = new TrailSpans({
    seed: 4_711,
    fromNs: BigInt(now - SLICES * HOUR_MS) * 1_000_000n,
    stepNs: (BigInt(SLICES * HOUR_MS) * 1_000_000n) / BigInt(Math.ceil((spans + SHUFFLED_SPANS) / 6)),
    isTimeOrdered,
  });
  const ids: LoadedIds = { traces: [], places: [], keys: [], messageIds: [] };
  const [names, copy] = [new Dictionaries(), new CopyBuffer()];
  const every = Math.max(1, Math.floor(spans / IDS_MAX));
  const startedMs = performance.now();
  let saidMs = startedMs;
  await client.query("SET synchronous_commit = off");
  for (let done = 0; done < spans; done += COPY_SPANS) {
    const rows = stream.take(Math.min(COPY_SPANS, spans - done));
    await names.lookUp(client, [{ rows }]);
    await copyInto(client, `trail_private.spans (${SPAN_COLUMNS})`, copy, rows, (row) =>
      putSpan(copy, row, names),
    );
    for (let i = 0; i < rows.length; i += every)
      note(ids, rows[i] as SpanRow, rows[i + 1] ?? (rows[i] as SpanRow));
    if (performance.now() - saidMs < 3_000) continue;
    saidMs = performance.now();
    progress(bar(done + rows.length, spans, saidMs - startedMs));
  }
  progress(bar(spans, spans, performance.now() - startedMs));
  await client.query("VACUUM (ANALYZE) trail_private.spans");
  await client.end();
  return ids;
}

function note(ids: LoadedIds, row: SpanRow, next: SpanRow): void {
  // Of a trace at the end, only a span that is no hop may have been loaded: it has no trail.
  if (row.messageOffset !== null) ids.traces.push(row.traceId);
  for (const { topic, partition, messageOffset, messageKey, messageId } of [row, next]) {
    if (topic === null || partition === null || messageOffset === null) continue;
    ids.places.push({ topic, partition, messageOffset: String(messageOffset) });
    if (messageKey !== null) ids.keys.push(messageKey);
    if (messageId !== null) ids.messageIds.push(messageId);
  }
}

function bar(done: number, all: number, ms: number): string {
  const filled = Math.round((done / all) * 30);
  const rate = Math.round((done / ms) * 1_000);
  return `loading ${"#".repeat(filled)}${".".repeat(30 - filled)} ${done} of ${all} spans, ${rate} a second`;
}
