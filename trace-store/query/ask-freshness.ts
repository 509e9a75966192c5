import type { AskedId, Freshness, NotFound, WatcherAnswer } from "./answers.ts";
import { millisecondsColumn, timeColumn } from "./columns.ts";
import type { Database } from "./database.ts";
import { sinceLastLookMs } from "./last-look.ts";

/** Answers of the same second share one look: a look-up must not pay for it each time. */
const REMEMBERED_MS = 1_000;
/** Two looks at the broker are about this far apart, so that a younger one says how far the indexer is behind. */
const LOOKS_APART_MS = 10_000;

interface FreshnessRow {
  at: string;
  holdsFrom: string | null;
  holdsTo: string | null;
  indexedThrough: string | null;
  indexerDelayMs: number | null;
}

/** Returns a function that tells how fresh the store is, at most a second old. */
export function freshnessOf(database: Database): () => Promise<Freshness> {
  let askedAtMs = 0;
  let remembered: Promise<Freshness> | undefined;
  return () => {
    const nowMs = performance.now();
    if (remembered === undefined || nowMs - askedAtMs > REMEMBERED_MS) {
      askedAtMs = nowMs;
      const asked = askFreshness(database);
      remembered = asked;
      asked.catch(() => {
        if (remembered === asked) remembered = undefined;
      });
    }
    return remembered;
  };
}

async function askFreshness(database: Database): Promise<Freshness> {
  const [row] = await database.ask<FreshnessRow>(
    "freshness",
    `SELECT ${timeColumn("f.at", "at")}, ${timeColumn("f.holds_from", "holdsFrom")}, ${timeColumn("f.holds_to", "holdsTo")},
       ${timeColumn("f.indexed_through", "indexedThrough")}, ${millisecondsColumn("f.indexer_delay", "indexerDelayMs")}
     FROM trail.freshness() f`,
  );
  const watchers = await database.ask<WatcherAnswer>(
    "watchers",
    `SELECT w.cluster, w.way, ${timeColumn("w.swept_at", "sweptAt")}, ${millisecondsColumn("w.age", "ageMs")}, w.problem
     FROM trail.watchers w ORDER BY w.cluster`,
  );
  return {
    at: row?.at ?? "",
    holds: { from: row?.holdsFrom ?? null, to: row?.holdsTo ?? null },
    indexedThrough: row?.indexedThrough ?? null,
    indexerDelayMs: row?.indexerDelayMs ?? null,
    watchers,
  };
}

/** Says what is known where nothing is stored. */
export function notFound(
  asked: AskedId,
  freshness: Freshness,
  reason: NotFound["reason"] = "not_in_store",
  because = "",
): NotFound {
  const { holds, indexerDelayMs } = freshness;
  const what = {
    trace: () => `Trace ${asked.kind === "trace" ? asked.traceId : ""}`,
    message: () =>
      `Message ${asked.kind === "message" ? `${asked.topic}/${asked.partition}/${asked.messageOffset}` : ""}`,
    text: () => `"${asked.kind === "text" ? asked.text : ""}"`,
  }[asked.kind]();
  const held =
    holds.from === null ? "which holds no spans yet" : `which holds spans from ${holds.from} to ${holds.to}`;
  const sentence = `${what} is not in the store, ${held} (${behindOf(freshness)}).${because && ` ${because}`}`;
  return { found: false, asked, holds, indexerDelayMs, reason, sentence };
}

function behindOf(freshness: Freshness): string {
  const { indexerDelayMs } = freshness;
  if (indexerDelayMs === null) return "how far the indexer is behind is not known";
  const seconds = Math.ceil(indexerDelayMs / 1_000);
  return indexerDelayMs > LOOKS_APART_MS && sinceLastLookMs(freshness) !== undefined
    ? `the broker was last looked at ${seconds} s ago, and by then all was stored`
    : `indexer behind ${seconds} s`;
}
