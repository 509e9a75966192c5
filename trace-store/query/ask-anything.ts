import { hashKey } from "kafka-trail/trace-context";
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

/** What is told to the store once and matters to look-ups. */
export interface FindOptions {
  readonly settleMs?: number;
  readonly keyHmacSecret?: string | undefined;
}

/** Answers whatever somebody pasted: the first id in it under which something is stored. */
export async function askAnything(
  database: Database,
  freshness: () => Promise<Freshness>,
  options: FindOptions,
  pasted: string,
): Promise<FindAnswer> {
  let missing: NotFound | undefined;
  for (const id of parseId(pasted)) {
    const answer = await askOne(database, freshness, options, id);
    if (answer.kind !== "not_found") return answer;
    // The likeliest reading is the one to tell about.
    missing ??= answer.notFound;
  }
  return { kind: "not_found", notFound: missing as NotFound };
}

async function askOne(
  database: Database,
  freshness: () => Promise<Freshness>,
  { settleMs = 60_000, keyHmacSecret }: FindOptions,
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
  return askText(database, freshness, id.text, keyHmacSecret);
}

/** A message id or a key: every message that bears it, newest first. */
async function askText(
  database: Database,
  freshness: () => Promise<Freshness>,
  text: string,
  keyHmacSecret: string | undefined,
): Promise<FindAnswer> {
  const matchesOf = (spelled: string) =>
    database.ask<HopAnswer & { by: MatchAnswer["by"] }>(
      "matches",
      `SELECT f.found_by AS "by", ${HOP_COLUMNS} FROM trail.find($1, $2) f CROSS JOIN LATERAL (SELECT (f.hop).*) h
       ORDER BY h.start_unix_nano DESC, h.span_id`,
      [spelled, MATCHES_MAX + 1],
    );
  // Some apps may record keys as they are, and others as HMACs: messages of both are the answer.
  const spellings = keyHmacSecret === undefined ? [text] : [text, hashKey(text, keyHmacSecret)];
  const [found, fresh] = await Promise.all([Promise.all(spellings.map(matchesOf)), freshness()]);
  const rows = found.flat();
  if (spellings.length > 1) rows.sort((a, b) => Number(BigInt(b.startUnixNano) - BigInt(a.startUnixNano)));
  const asked: AskedId = { kind: "text", text };
  if (rows.length === 0)
    return { kind: "not_found", notFound: notFound(asked, fresh, "not_in_store", hintFor(text)) };
  const matches = rows.slice(0, MATCHES_MAX).map(({ by, ...hop }) => ({ by, verdict: verdictOf(hop), hop }));
  return {
    kind: "matches",
    matches: { found: true, asked, matches, isCut: rows.length > MATCHES_MAX, freshness: fresh },
  };
}

/** What may be wrong with a text that nothing bears. */
function hintFor(text: string): string {
  if (/^[a-zA-Z0-9._-]{1,249}\/-?\d+$/.test(text)) return "A message's place is topic/partition/offset.";
  return "Keys and message ids are looked for whole, as the app recorded them.";
}

/** A failed send without an offset reached no log, as far as its producer knows. */
function verdictOf(hop: HopAnswer): MessageVerdict {
  if (hop.messageOffset !== null) return "APPENDED";
  const isSend = hop.operation === "send" || hop.operation === "create";
  return isSend && hop.status === "error" ? "NOT_APPENDED" : "UNKNOWN";
}
