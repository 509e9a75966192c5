import { Client, type ClientBase } from "pg";
import { ensureSlices, sliceBounds } from "../../trace-store/schema/slices.ts";
import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { namesOf } from "../../trace-store/write/batch-names.ts";
import { CopyBuffer } from "../../trace-store/write/copy-buffer.ts";
import { copyInto } from "../../trace-store/write/copy-into.ts";
import { Dictionaries } from "../../trace-store/write/dictionaries.ts";
import { putSpan, SPAN_COLUMNS } from "../../trace-store/write/rows.ts";
import { takeIndexes } from "./take-indexes.ts";
import { SHUFFLED_SPANS, TrailSpans } from "./trail-spans.ts";

/** Ids of spans that were loaded, chosen evenly. */
export interface LoadedIds {
  readonly traces: { traceId: string; startMs: number }[];
  readonly places: { topic: string; partition: number; messageOffset: string }[];
  readonly keys: string[];
  readonly messageIds: string[];
}

/** Made in this process, 50,000 a second; Postgres multiplies them, 200,000 a second. */
const PATTERN_SPANS = 500_000;
const COPY_SPANS = 50_000;
const HOUR_MS = 3_600_000;
/** As many slices whatever the number of spans, so that only their size differs. */
const SLICES = 24;
const IDS_MAX = 2_000;

/**
 * Loads spans over the last day: a pattern by COPY, then as many copies of it as it takes, then the SQL indexes.
 *
 * Each step is one transaction and is noted down in schema `bench`, so that a load that was cut short goes on where it was,
 * and one that is finished is only looked up. A copy has traces and message ids of its own, and its offsets lie between
 * the pattern's.
 */
export async function loadSpans(
  databaseUrl: string,
  spans: number,
  isTimeOrdered: boolean,
  progress: (line: string) => void,
): Promise<LoadedIds> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query(`
      SET synchronous_commit = off; SET maintenance_work_mem = '512MB';
      CREATE SCHEMA IF NOT EXISTS bench; CREATE TABLE IF NOT EXISTS bench.steps (step text PRIMARY KEY, note jsonb)`);
    const copies = Math.ceil(spans / PATTERN_SPANS);
    const steps = new Steps(client, progress);
    const beganMs = await steps.once("the day", async () => Date.now() - SLICES * HOUR_MS);
    await makeSlices(client, beganMs);
    const ids = await steps.once("the pattern", () =>
      loadPattern(client, Math.ceil(spans / copies), beganMs, isTimeOrdered, progress),
    );
    const indexes = await steps.once("no indexes while loading", () => takeIndexes(client, ["spans"]));
    for (const { fromMs, toMs } of await sliceBounds(client)) {
      await steps.once(`the slice of ${new Date(fromMs).toISOString()}`, () =>
        client
          .query(multiplied(isTimeOrdered), [new Date(fromMs), new Date(toMs), copies])
          .then(({ rowCount }) => rowCount),
      );
    }
    for (const { index, made } of indexes) {
      await steps.once(`index ${index}`, () => client.query(made).then(() => null));
    }
    await client.query("VACUUM (ANALYZE) trail_private.spans");
    // The pattern's own offsets are every so many.
    const places = ids.places.map((it) => ({
      ...it,
      messageOffset: String(Number(it.messageOffset) * copies),
    }));
    return { ...ids, places };
  } finally {
    await client.end();
  }
}

/** Does what was not done yet, and says what it takes. */
class Steps {
  readonly #client: ClientBase;
  readonly #progress: (line: string) => void;
  readonly #startedMs = performance.now();

  constructor(client: ClientBase, progress: (line: string) => void) {
    this.#client = client;
    this.#progress = progress;
  }

  async once<Note>(step: string, work: () => Promise<Note>): Promise<Note> {
    const { rows } = await this.#client.query<{ note: Note }>(
      "SELECT note FROM bench.steps WHERE step = $1",
      [step],
    );
    if (rows[0]) return rows[0].note;
    this.#progress(`loading, ${Math.round((performance.now() - this.#startedMs) / 1_000)} s: ${step}`);
    await this.#client.query("BEGIN");
    const note = await work();
    await this.#client.query("INSERT INTO bench.steps VALUES ($1, $2)", [step, JSON.stringify(note)]);
    await this.#client.query("COMMIT");
    return note;
  }
}

async function makeSlices(client: ClientBase, beganMs: number): Promise<void> {
  const times = { sliceMs: HOUR_MS, aheadMs: HOUR_MS, retentionMs: 2 * SLICES * HOUR_MS };
  await ensureSlices(client, { ...times, now: new Date(beganMs) });
  await ensureSlices(client, { ...times, now: new Date(beganMs + SLICES * HOUR_MS) });
}

async function loadPattern(
  client: ClientBase,
  spans: number,
  beganMs: number,
  isTimeOrdered: boolean,
  progress: (line: string) => void,
): Promise<LoadedIds> {
  // In the step's transaction: either all of it is there, or nothing.
  await client.query("CREATE UNLOGGED TABLE bench.pattern (LIKE trail_private.spans)");
  const stream = new TrailSpans({
    seed: 4_711,
    fromNs: BigInt(beganMs) * 1_000_000n,
    stepNs: (BigInt(SLICES * HOUR_MS) * 1_000_000n) / BigInt(Math.ceil((spans + SHUFFLED_SPANS) / 6)),
    isTimeOrdered,
  });
  const ids: LoadedIds = { traces: [], places: [], keys: [], messageIds: [] };
  const [names, copy] = [new Dictionaries(), new CopyBuffer()];
  const every = Math.max(1, Math.floor(spans / IDS_MAX));
  for (let done = 0; done < spans; done += COPY_SPANS) {
    progress(`the pattern: ${done} of ${spans} spans`);
    const rows = stream.take(Math.min(COPY_SPANS, spans - done));
    await names.lookUp(client, namesOf([{ rows }]));
    await copyInto(client, `bench.pattern (${SPAN_COLUMNS})`, copy, rows, (row) => putSpan(copy, row, names));
    for (let i = 0; i < rows.length; i += every)
      note(ids, rows[i] as SpanRow, rows[i + 1] ?? (rows[i] as SpanRow));
  }
  return ids;
}

/** Copies of a span lie side by side, as spans of that many more traces at the same time would have come. */
const multiplied = (isTimeOrdered: boolean): string => `
  INSERT INTO trail_private.spans (${SPAN_COLUMNS})
  SELECT ${SPAN_COLUMNS.split(",")
    .map((it) => it.trim())
    .map((column) => (column in OF_COPY ? `${OF_COPY[column]} AS ${column}` : column))
    .join(", ")}
  FROM bench.pattern CROSS JOIN generate_series(0, $3::int - 1) AS copy
  CROSS JOIN LATERAL (SELECT ${isTimeOrdered ? TIME_ORDERED : "md5(trace_id::text || copy)"}::uuid AS other) o
  WHERE start_time >= $1 AND start_time < $2`;

const OF_COPY: Record<string, string> = {
  trace_id: "CASE copy WHEN 0 THEN trace_id ELSE other END",
  message_offset: "message_offset * $3::int + copy",
  message_key: "'order-' || (substr(message_key, 7)::int + copy * 104729) % 5000000",
  message_id: "message_id || CASE copy WHEN 0 THEN '' ELSE '-' || copy END",
};
/** What follows the time and the version is another. */
const TIME_ORDERED =
  "left(trace_id::text, 15) || substr(md5(trace_id::text || copy), 1, 3) || '-a' || substr(md5(trace_id::text || copy), 4, 3) || '-' || substr(md5(trace_id::text || copy), 7, 12)";

function note(ids: LoadedIds, row: SpanRow, next: SpanRow): void {
  // Of a trace at the end, only a span that is no hop may have been loaded: it has no trail.
  if (row.messageOffset !== null) {
    ids.traces.push({ traceId: row.traceId, startMs: Number(row.startNs / 1_000_000n) });
  }
  for (const { topic, partition, messageOffset, messageKey, messageId } of [row, next]) {
    if (topic === null || partition === null || messageOffset === null) continue;
    ids.places.push({ topic, partition, messageOffset: String(messageOffset) });
    if (messageKey !== null) ids.keys.push(messageKey);
    if (messageId !== null) ids.messageIds.push(messageId);
  }
}
