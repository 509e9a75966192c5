import type {
  CompletenessAnswer,
  Freshness,
  GroupVerdictAnswer,
  HopAnswer,
  MessageAnswer,
  MessageVerdict,
  NotFound,
  RelatedMessage,
} from "./answers.ts";
import type { AskedCoordinates } from "./questions.ts";
import { notFound } from "./ask-freshness.ts";
import { bigColumn, HOP_COLUMNS, millisecondsColumn, timeColumn } from "./columns.ts";
import { checkedCoordinates } from "./coordinates.ts";
import type { Database } from "./database.ts";

interface PageRow {
  verdict: MessageVerdict;
  why: string;
  incarnation: number;
  logStart: string | null;
  logEnd: string | null;
  hops: HopAnswer[];
  related: { way: "cause" | "effect"; message: RelatedMessage }[];
}

/** Answers with one message: what it is, what became of it, and for whom. */
export async function askMessage(
  database: Database,
  freshness: () => Promise<Freshness>,
  settleMs: number,
  asked: AskedCoordinates,
): Promise<MessageAnswer | NotFound> {
  const at = checkedCoordinates(asked);
  const parameters = [at.topic, at.partition, at.messageOffset, asked.cluster ?? null];
  const [pages, groups, completeness, fresh] = await Promise.all([
    database.ask<PageRow>("message_page", PAGE, parameters),
    askVerdicts(database, [...parameters, settleMs]),
    database.ask<CompletenessAnswer>("completeness", COMPLETENESS, [
      at.topic,
      asked.cluster ?? null,
      at.partition,
    ]),
    freshness(),
  ]);
  const [verdict] = pages;
  const { hops = [], related = [] } = verdict ?? {};
  if (hops.length === 0 && (verdict === undefined || verdict.verdict === "UNKNOWN")) {
    return missing(at, verdict, fresh);
  }
  return {
    found: true,
    message: identityOf(at, hops, verdict),
    groups,
    hops,
    causes: related.filter(({ way }) => way === "cause").map(({ message }) => message),
    effects: related.filter(({ way }) => way === "effect").map(({ message }) => message),
    completeness: completeness[0] ?? null,
    freshness: fresh,
  };
}

const askVerdicts = (database: Database, parameters: readonly unknown[]): Promise<GroupVerdictAnswer[]> =>
  database.ask<GroupVerdictAnswer>(
    "verdicts",
    `SELECT v.consumer_group AS "consumerGroup", v.verdict, v.why, v.forwarded_to AS "forwardedTo",
       v.attempts::int, v.failed_attempts::int AS "failedAttempts",
       ${timeColumn("v.started_at", "startedAt")}, ${timeColumn("v.ended_at", "endedAt")},
       ${bigColumn("v.waited_ns", "waitedNs")}, ${bigColumn("v.worked_ns", "workedNs")},
       ${bigColumn("v.committed", "committed")}, ${timeColumn("v.committed_at", "committedAt")},
       ${bigColumn("v.ahead_messages", "aheadMessages")}, ${millisecondsColumn("v.behind", "behindMs")},
       ${millisecondsColumn("v.eta", "etaMs")}, v.flags,
       ${bigColumn("v.rewound_to", "rewoundTo")}, ${timeColumn("v.rewound_at", "rewoundAt")}, replace(v.trace_id::text, '-', '') AS "traceId", v.span_id AS "spanId"
     FROM trail.verdicts($1, $2, $3, $4, now(), make_interval(secs => $5::float8 / 1000)) v
     ORDER BY v.consumer_group NULLS LAST, v.started_at, v.span_id`,
    parameters,
  );

// What trail.message, trail.message_verdict and trail.related say, gathered once: half of the work of asking all three.
const PAGE = `
  SELECT p.verdict, p.why, p.incarnation, ${bigColumn("p.log_start", "logStart")}, ${bigColumn("p.log_end", "logEnd")},
    (SELECT coalesce(json_agg(x), '[]') FROM (
      SELECT ${HOP_COLUMNS} FROM unnest(p.hops) h ORDER BY h.start_unix_nano, h.span_id) x) AS hops,
    (SELECT coalesce(json_agg(x), '[]') FROM (
      SELECT h.way, json_build_object('msgId', h.msg_id, 'topic', h.topic, 'partition', h.partition,
        'messageOffset', h.message_offset::text, 'service', h.service, 'traceId', h.trace_hex, 'spanId', h.span_id) AS message
      FROM ROWS FROM (unnest(p.directions), unnest(p.related)) AS h (way)
      ORDER BY h.start_unix_nano, h.span_id, h.message_offset) x) AS related
  FROM trail_private.message_page($1, $2, $3, $4, 100) p`;

const COMPLETENESS = `
  SELECT ${bigColumn("c.offsets", "offsets")}, ${bigColumn("c.void", "void")}, ${bigColumn("c.seen", "seen")},
    c.ratio::float8 AS ratio, ${timeColumn("c.since", "since")}
  FROM trail.coverage($1, $2, $3) c WHERE c.consumer_group IS NULL`;

function identityOf(
  at: ReturnType<typeof checkedCoordinates>,
  hops: readonly HopAnswer[],
  verdict: PageRow | undefined,
): MessageAnswer["message"] {
  const sent = hops.find((hop) => hop.operation === "send") ?? hops.find((hop) => hop.operation === "create");
  return {
    ...at,
    msgId: hops[0]?.msgId ?? `${at.topic}/${at.partition}/${at.messageOffset}`,
    messageKey: hops.find((hop) => hop.messageKey !== null)?.messageKey ?? null,
    messageId: hops.find((hop) => hop.messageId !== null)?.messageId ?? null,
    verdict: verdict?.verdict ?? "UNKNOWN",
    why: verdict?.why ?? "",
    incarnation: verdict?.incarnation ?? 1,
    traceId: sent?.traceId ?? null,
    spanId: sent?.spanId ?? null,
    service: sent?.service ?? null,
    sentAt: sent?.startTime ?? null,
    appendedAt: sent ? timeOf(BigInt(sent.startUnixNano) + BigInt(sent.durationNs)) : null,
  };
}

/** RFC 3339 with microseconds, as Postgres spells the other times. */
function timeOf(unixNano: bigint): string {
  const micros = String((unixNano / 1_000n) % 1_000n).padStart(3, "0");
  return new Date(Number(unixNano / 1_000_000n)).toISOString().replace("Z", `${micros}Z`);
}

function missing(
  at: ReturnType<typeof checkedCoordinates>,
  verdict: PageRow | undefined,
  fresh: Freshness,
): NotFound {
  const asked = { kind: "message", ...at } as const;
  const logEnd = verdict?.logEnd ?? null;
  if (logEnd === null) {
    const because =
      fresh.watchers.length === 0
        ? ""
        : `The watcher knows no partition ${at.topic}/${at.partition}: there is none, or it may not see the topic (grant Describe).`;
    return notFound(asked, fresh, "not_in_store", because);
  }
  return notFound(asked, fresh, "not_yet", `The log of ${at.topic}/${at.partition} ends at ${logEnd}.`);
}
