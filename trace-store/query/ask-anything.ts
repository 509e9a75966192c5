import type {
  AskedId,
  FindAnswer,
  Freshness,
  HopAnswer,
  MatchAnswer,
  MessageVerdict,
  NotFound,
} from "./answers.ts";
import { notFound } from "./ask-freshness.ts";
import { askMessage } from "./ask-message.ts";
import { askTrail } from "./ask-trail.ts";
import { HOP_COLUMNS } from "./columns.ts";
import type { Database } from "./database.ts";
import { parseId } from "./parse-id.ts";

const MATCHES_MAX = 100;

/** Answers whatever somebody pasted: the first id in it under which something is stored. */
export async function askAnything(
  database: Database,
  freshness: () => Promise<Freshness>,
  settleMs: number,
  pasted: string,
): Promise<FindAnswer> {
  let missing: NotFound | undefined;
  for (const id of parseId(pasted)) {
    const answer = await askOne(database, freshness, settleMs, id);
    if (answer.kind !== "not_found") return answer;
    // The likeliest reading is the one to tell about.
    missing ??= answer.notFound;
  }
  return { kind: "not_found", notFound: missing as NotFound };
}

async function askOne(
  database: Database,
  freshness: () => Promise<Freshness>,
  settleMs: number,
  id: AskedId,
): Promise<FindAnswer> {
  if (id.kind === "trace") {
    const trail = await askTrail(database, freshness, id.traceId);
    return trail.found ? { kind: "trail", trail } : { kind: "not_found", notFound: trail };
  }
  if (id.kind === "message") {
    const at = { topic: id.topic, partition: id.partition, messageOffset: id.messageOffset };
    const message = await askMessage(database, freshness, settleMs, at);
    return message.found ? { kind: "message", message } : { kind: "not_found", notFound: message };
  }
  return askText(database, freshness, id.text);
}

/** A message id or a key: every message that bears it, newest first. */
async function askText(
  database: Database,
  freshness: () => Promise<Freshness>,
  text: string,
): Promise<FindAnswer> {
  const [rows, fresh] = await Promise.all([
    database.ask<HopAnswer & { by: MatchAnswer["by"] }>(
      "matches",
      `SELECT f.found_by AS "by", ${HOP_COLUMNS} FROM trail.find($1, $2) f CROSS JOIN LATERAL (SELECT (f.hop).*) h
       ORDER BY h.start_unix_nano DESC, h.span_id`,
      [text, MATCHES_MAX + 1],
    ),
    freshness(),
  ]);
  const asked: AskedId = { kind: "text", text };
  if (rows.length === 0) return { kind: "not_found", notFound: notFound(asked, fresh) };
  const matches = rows.slice(0, MATCHES_MAX).map(({ by, ...hop }) => ({ by, verdict: verdictOf(hop), hop }));
  return {
    kind: "matches",
    matches: { found: true, asked, matches, isCut: rows.length > MATCHES_MAX, freshness: fresh },
  };
}

/** A failed send without an offset reached no log, as far as its producer knows. */
function verdictOf(hop: HopAnswer): MessageVerdict {
  if (hop.messageOffset !== null) return "APPENDED";
  const isSend = hop.operation === "send" || hop.operation === "create";
  return isSend && hop.status === "error" ? "NOT_APPENDED" : "UNKNOWN";
}
