import type { Freshness, HopAnswer, MessagePlace, NotFound, TrailAnswer } from "./answers.ts";
import { notFound } from "./ask-freshness.ts";
import { HOP_COLUMNS } from "./columns.ts";
import type { Database } from "./database.ts";
import { parseTraceId } from "./parse-id.ts";

/** A longer trail is cut, and says so. */
const HOPS_MAX = 5_000;
/** 2020-01-01. An id of another make that looks like a UUIDv7 has a time before it, or far ahead, nearly always. */
const FIRST_UUID_V7_MS = 1_577_836_800_000;

/** Answers with every hop around a trace id. */
export async function askTrail(
  database: Database,
  freshness: () => Promise<Freshness>,
  spelled: string,
): Promise<TrailAnswer | NotFound> {
  const traceId = parseTraceId(spelled);
  const [hops, fresh] = await Promise.all([
    database.ask<HopAnswer>(
      "trail",
      `SELECT ${HOP_COLUMNS} FROM trail.trail($1, true, $2) h ORDER BY h.start_unix_nano, h.span_id, h.message_offset`,
      [traceId, HOPS_MAX + 1],
    ),
    freshness(),
  ]);
  if (hops.length === 0) return missing(traceId, fresh);
  const shown = hops.slice(0, HOPS_MAX);
  return {
    found: true,
    traceId,
    traceIds: [...new Set([traceId, ...shown.map((hop) => hop.traceId)])],
    hops: shown,
    messages: placesOf(shown),
    isCut: hops.length > HOPS_MAX,
    freshness: fresh,
  };
}

/** A UUIDv7 tells when its trace began: before what is held, it was here and has expired. */
function missing(traceId: string, fresh: Freshness): NotFound {
  const asked = { kind: "trace", traceId } as const;
  const bornAtMs = traceId[12] === "7" ? parseInt(traceId.slice(0, 12), 16) : Number.NaN;
  const heldFromMs = fresh.holds.from === null ? Number.NaN : Date.parse(fresh.holds.from);
  if (!(bornAtMs >= FIRST_UUID_V7_MS && bornAtMs < heldFromMs)) return notFound(asked, fresh);
  const bornAt = new Date(bornAtMs).toISOString();
  return notFound(asked, fresh, "expired", `By its id it began at ${bornAt}, before what is held.`);
}

/** The messages that hops are about, in the order of the hops. */
export function placesOf(hops: readonly HopAnswer[]): MessagePlace[] {
  const places = new Map<string, MessagePlace>();
  for (const { cluster, topic, partition, messageOffset } of hops) {
    if (topic === null || partition === null || messageOffset === null) continue;
    places.set(`${cluster}\0${topic}/${partition}/${messageOffset}`, {
      cluster,
      topic,
      partition,
      messageOffset,
    });
  }
  return [...places.values()];
}
