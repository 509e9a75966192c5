import type { Runnable, RunOptions, RunResult } from "../dev/contract.ts";
import { startStore } from "../dev/trail-store.ts";
import { openDatabase, type Database } from "../trace-store/query/database.ts";
import { benchDatabase, percentile } from "./support/bench-database.ts";
import { loadSpans, type LoadedIds } from "./support/load-spans.ts";

const P99_MS_MAX = 5;
/** Sub-second over HTTP, at any size. */
const HTTP_P99_MS_MAX = 1_000;

/** Asks one question and returns how many rows answered it. Another way to ask (HTTP) has the same shape. */
export type Ask = (kind: Kind, ids: LoadedIds, n: number) => Promise<number>;

const KINDS = ["trace, spans", "trace, whole trail", "coordinates", "key", "message id"] as const;
type Kind = (typeof KINDS)[number];

/** By prepared statements with generic plans, as every door asks. */
export function askBySql(database: Database): Ask {
  return async (kind, ids, n) => {
    const pick = <T>(from: readonly T[]): T => from[n % from.length] as T;
    switch (kind) {
      case "trace, spans":
        return (
          await database.ask("bench-spans", "SELECT * FROM trail.spans WHERE trace_id = $1", [
            pick(ids.traces),
          ])
        ).length;
      case "trace, whole trail":
        return (await database.ask("bench-trail", "SELECT * FROM trail.trail($1)", [pick(ids.traces)]))
          .length;
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
    case "trace, whole trail":
      return ({ traces }) => `trails/${pick(traces)}`;
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

/** Milliseconds that each of `probes` questions took; the first ones, which warm up, are left out. */
export async function measure(ask: Ask, kind: Kind, ids: LoadedIds, probes: number): Promise<number[]> {
  const taken: number[] = [];
  for (let n = -50; n < probes; n += 1) {
    const startedMs = performance.now();
    const rows = await ask(kind, ids, Math.abs(n) * 7);
    if (rows === 0) throw new Error(`Nothing was found by ${kind}, though it was loaded.`);
    if (n >= 0) taken.push(performance.now() - startedMs);
  }
  return taken;
}

async function run({ short, args, progress, table }: RunOptions): Promise<RunResult> {
  const spans = Number(args["spans"] ?? (short ? 100_000 : 1_000_000));
  const probes = Number(args["probes"] ?? (short ? 200 : 1_000));
  const store = await benchDatabase(progress);
  const database = openDatabase({ databaseUrl: store.url, connectionsMax: 1, statementTimeoutMs: 60_000 });
  try {
    const ids = await loadSpans(store.url, spans, args["time-ordered"] === "true", progress);
    progress("starting the store's HTTP door");
    const door = await startStore({ databaseUrl: store.url });
    const ways = { SQL: askBySql(database), HTTP: askByHttp(door.url) };
    const figures: Record<string, number> = { spans };
    const rows: Record<string, string | number>[] = [];
    for (const [way, ask] of Object.entries(ways)) {
      for (const kind of KINDS) {
        // A trail is one question over HTTP, whatever it is asked for.
        if (way === "HTTP" && kind === "trace, spans") continue;
        progress(`asking ${probes} times by ${kind} over ${way}`);
        const taken = await measure(ask, kind, ids, probes);
        const [p50, p99] = [0.5, 0.99].map((share) => Number(percentile(taken, share).toFixed(2)));
        rows.push({ over: way, by: kind, "p50 ms": p50 ?? 0, "p99 ms": p99 ?? 0 });
        figures[`${way} ${kind} p50 ms`] = p50 ?? 0;
        figures[`${way} ${kind} p99 ms`] = p99 ?? 0;
      }
    }
    await door.stop();
    table(rows);
    const isQuick =
      (figures["SQL trace, spans p99 ms"] ?? Infinity) <= P99_MS_MAX &&
      (figures["HTTP trace, whole trail p99 ms"] ?? Infinity) <= HTTP_P99_MS_MAX;
    return { passed: isQuick, figures };
  } finally {
    await database.close();
    await store.drop();
  }
}

export const bench: Runnable = {
  name: "lookup",
  summary:
    "p50 and p99 of look-ups by trace id, coordinates, key and message id; --spans 1e7, --time-ordered true",
  run,
};
