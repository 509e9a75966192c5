import type { Runnable, RunOptions, RunResult } from "../dev/contract.ts";
import { startStore } from "../dev/trail-store.ts";
import { checksumOf, readSchemaFiles } from "../trace-store/schema/sql-files.ts";
import { openDatabase, type Database } from "../trace-store/query/database.ts";
import { benchDatabase, percentile } from "./support/bench-database.ts";
import { loadSpans, type LoadedIds } from "./support/load-spans.ts";

const P99_MS_MAX = 5;
const P99_WITH_TIME_MS_MAX = 3;
/** Of the 99th percentile by trace id, from the base's size to the one asked for. */
const GROWTH_MAX = 2;
const BASE_SPANS = 1_000_000;
/** A user who knows about when it was: half an hour to each side. */
const AROUND_MS = 30 * 60_000;
/** Sub-second over HTTP, at any size. */
const HTTP_P99_MS_MAX = 1_000;

/** Asks one question and returns how many rows answered it. Another way to ask (HTTP) has the same shape. */
export type Ask = (kind: Kind, ids: LoadedIds, n: number) => Promise<number>;

const KINDS = [
  "trace, spans",
  "trace and time",
  "trace, whole trail",
  "coordinates",
  "key",
  "message id",
] as const;
type Kind = (typeof KINDS)[number];

/** By prepared statements with generic plans, as every door asks. */
export function askBySql(database: Database): Ask {
  return async (kind, ids, n) => {
    const pick = <T>(from: readonly T[]): T => from[n % from.length] as T;
    switch (kind) {
      case "trace, spans":
        return (
          await database.ask("bench-spans", "SELECT * FROM trail.spans WHERE trace_id = $1", [
            pick(ids.traces).traceId,
          ])
        ).length;
      case "trace and time": {
        const { traceId, startMs } = pick(ids.traces);
        const around = [new Date(startMs - AROUND_MS), new Date(startMs + AROUND_MS)];
        const text = "SELECT * FROM trail.spans WHERE trace_id = $1 AND start_time BETWEEN $2 AND $3";
        return (await database.ask("bench-spans-time", text, [traceId, ...around])).length;
      }
      case "trace, whole trail":
        return (
          await database.ask("bench-trail", "SELECT * FROM trail.trail($1)", [pick(ids.traces).traceId])
        ).length;
      case "coordinates": {
        const { topic, partition, messageOffset } = pick(ids.places);
        const at = [topic, partition, messageOffset];
        return (await database.ask("bench-message", "SELECT * FROM trail.message($1, $2, $3)", at)).length;
      }
      case "key":
        return (await database.ask("bench-find", "SELECT * FROM trail.find($1)", [pick(ids.keys)])).length;
      case "message id":
        return (await database.ask("bench-find", "SELECT * FROM trail.find($1)", [pick(ids.messageIds)]))
          .length;
    }
  };
}

/** As programs ask: over the door's own HTTP, one question after the other. */
export function askByHttp(url: string): Ask {
  return async (kind, ids, n) => {
    const pick = <T>(from: readonly T[]): T => from[n % from.length] as T;
    const path = pathOf(kind, pick);
    const answer = await fetch(`${url}/api/v1/${path(ids)}`);
    const body = await answer.text();
    if (!answer.ok)
      throw new Error(`The store answered ${answer.status} to a question by ${kind}: ${body.slice(0, 300)}`);
    return body.length;
  };
}

function pathOf(kind: Kind, pick: <T>(from: readonly T[]) => T): (ids: LoadedIds) => string {
  switch (kind) {
    case "trace, spans":
    case "trace and time":
    case "trace, whole trail":
      return ({ traces }) => `trails/${pick(traces).traceId}`;
    case "coordinates":
      return ({ places }) => {
        const { topic, partition, messageOffset } = pick(places);
        return `messages/${topic}/${partition}/${messageOffset}`;
      };
    case "key":
      return ({ keys }) => `find?q=${encodeURIComponent(pick(keys))}`;
    case "message id":
      return ({ messageIds }) => `find?q=${encodeURIComponent(pick(messageIds))}`;
  }
}

/** Milliseconds that each question took. All of them have been asked once before: warm. */
export async function measure(ask: Ask, kind: Kind, ids: LoadedIds, probes: number): Promise<number[]> {
  const taken: number[] = [];
  for (let n = -probes; n < probes; n += 1) {
    const startedMs = performance.now();
    const rows = await ask(kind, ids, ((n + probes) % probes) * 7);
    if (rows === 0) throw new Error(`Nothing was found by ${kind}, though it was loaded.`);
    if (n >= 0) taken.push(performance.now() - startedMs);
  }
  return taken;
}

type Figures = Record<string, number>;

/** Loads so many spans, or finds them loaded, and asks for them in every way. */
async function askOver(spans: number, { short, args, progress, table }: RunOptions): Promise<Figures> {
  const probes = Number(args["probes"] ?? (short ? 200 : 1_000));
  const isTimeOrdered = args["time-ordered"] === "true";
  // Of this schema: what was loaded into another one is of no use.
  const schema = checksumOf(readSchemaFiles().migrations).slice(0, 8);
  const keptName =
    args["keep"] === "true" ? `lookup_${schema}_${spans}${isTimeOrdered ? "_time_ordered" : ""}` : undefined;
  const store = await benchDatabase(progress, keptName);
  const database = openDatabase({ databaseUrl: store.url, connectionsMax: 1, statementTimeoutMs: 60_000 });
  try {
    const ids = await loadSpans(store.url, spans, isTimeOrdered, progress);
    progress("starting the store's HTTP door");
    const door = await startStore({ databaseUrl: store.url });
    const figures: Figures = { spans };
    const rows: Record<string, string | number>[] = [];
    for (const [way, ask] of Object.entries({ SQL: askBySql(database), HTTP: askByHttp(door.url) })) {
      for (const kind of KINDS) {
        // A trail is one question over HTTP, whatever it is asked for.
        if (way === "HTTP" && (kind === "trace, spans" || kind === "trace and time")) continue;
        progress(`${spans} spans: asking ${probes} times by ${kind} over ${way}`);
        const taken = await measure(ask, kind, ids, probes);
        const [p50 = 0, p99 = 0] = [0.5, 0.99].map((share) => Number(percentile(taken, share).toFixed(2)));
        rows.push({ spans, over: way, by: kind, "p50 ms": p50, "p99 ms": p99 });
        figures[`${way} ${kind} p50 ms`] = p50;
        figures[`${way} ${kind} p99 ms`] = p99;
      }
    }
    await door.stop();
    table(rows);
    return figures;
  } finally {
    await database.close();
    await store.drop();
  }
}

async function run(options: RunOptions): Promise<RunResult> {
  const spans = Number(options.args["spans"] ?? (options.short ? 100_000 : BASE_SPANS));
  const base = spans > BASE_SPANS ? await askOver(BASE_SPANS, options) : undefined;
  const figures = await askOver(spans, options);
  const p99 = (of: Figures, what: string): number => of[`${what} p99 ms`] ?? Infinity;
  const growth =
    base === undefined
      ? undefined
      : Number((p99(figures, "SQL trace, spans") / p99(base, "SQL trace, spans")).toFixed(2));
  const limits = {
    "SQL trace, spans": P99_MS_MAX,
    "SQL trace and time": P99_WITH_TIME_MS_MAX,
    "HTTP trace, whole trail": HTTP_P99_MS_MAX,
  };
  const tooSlow = Object.entries(limits).flatMap(([what, ms]) => (p99(figures, what) <= ms ? [] : [what]));
  return {
    passed: tooSlow.length === 0 && (growth ?? 0) <= GROWTH_MAX,
    figures: { ...figures, p99MsMax: limits, tooSlow, ...(base && { base, growth, growthMax: GROWTH_MAX }) },
  };
}

export const bench: Runnable = {
  name: "lookup",
  summary:
    "p50 and p99 of look-ups by trace id, coordinates, key and message id; --spans 1e7 also tells the growth since 1e6; --keep keeps what was loaded; --time-ordered gives the ids of traces the order of time",
  options: { spans: "count", probes: "count", "time-ordered": "flag", keep: "flag" },
  run,
};
