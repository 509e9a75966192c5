import type { Freshness } from "./answers.ts";
import type {
  CoverageAnswer,
  CoverageRow,
  GroupRow,
  GroupsAnswer,
  UndeliveredAnswer,
  UndeliveredMessage,
} from "./list-answers.ts";
import type { GroupsQuestion, UndeliveredQuestion } from "./questions.ts";
import { bigColumn, timeColumn } from "./columns.ts";
import type { Database } from "./database.ts";
import { badQuestion } from "./parse-id.ts";

const ROWS_DEFAULT = 1_000;
const ROWS_MAX = 10_000;
const OLDER_THAN_MS_DEFAULT = 60_000;

/** Answers with the messages that a group has not dealt with, a page at a time. */
export async function askUndelivered(
  database: Database,
  freshness: () => Promise<Freshness>,
  settleMs: number,
  question: UndeliveredQuestion,
): Promise<UndeliveredAnswer> {
  const { cluster, topic, consumerGroup, olderThanMs = OLDER_THAN_MS_DEFAULT, after } = question;
  const limit = checkedLimit(question.limit);
  if (!(olderThanMs >= 0))
    throw badQuestion(`olderThanMs is ${olderThanMs}; expected milliseconds, 0 or more.`);
  const [rows, fresh] = await Promise.all([
    database.ask<Omit<UndeliveredMessage, "cluster" | "topic">>(
      "undelivered",
      `SELECT u.partition, ${bigColumn("u.message_offset", "messageOffset")}, u.verdict, u.why, ${timeColumn("u.sent_at", "sentAt")},
         u.message_key AS "messageKey", replace(u.trace_id::text, '-', '') AS "traceId"
       FROM trail.undelivered($1, $2, make_interval(secs => $3::float8 / 1000), $4, $5, $6, $7, now(),
         make_interval(secs => $8::float8 / 1000)) u
       ORDER BY u.partition, u.message_offset`,
      [
        topic,
        consumerGroup,
        olderThanMs,
        limit,
        after?.partition ?? null,
        after?.messageOffset ?? null,
        cluster ?? null,
        settleMs,
      ],
    ),
    freshness(),
  ]);
  const last = rows.at(-1);
  return {
    consumerGroup,
    messages: rows.map((row) => ({ cluster: cluster ?? "", topic, ...row })),
    next:
      last && rows.length >= limit ? { partition: last.partition, messageOffset: last.messageOffset } : null,
    freshness: fresh,
  };
}

/** Answers with how much spans tell of each partition of a topic. */
export async function askCoverage(
  database: Database,
  freshness: () => Promise<Freshness>,
  topic: string,
  cluster = "",
): Promise<CoverageAnswer> {
  const [rows, fresh] = await Promise.all([
    database.ask<CoverageRow>(
      "coverage",
      `SELECT $2::text AS cluster, $1::text AS topic, c.partition, c.consumer_group AS "consumerGroup",
         ${bigColumn("c.offsets", "offsets")}, ${bigColumn("c.void", "void")}, ${bigColumn("c.seen", "seen")},
         ${bigColumn("c.unaccounted", "unaccounted")}, c.ratio::float8 AS ratio, c.is_sampled AS "isSampled",
         ${timeColumn("c.since", "since")}
       FROM trail.coverage($1, nullif($2, '')) c ORDER BY c.partition, c.consumer_group NULLS FIRST`,
      [topic, cluster],
    ),
    freshness(),
  ]);
  return { rows, freshness: fresh };
}

/** Answers with where consumer groups stand. */
export async function askGroups(
  database: Database,
  freshness: () => Promise<Freshness>,
  { cluster, topic, consumerGroup, limit }: GroupsQuestion = {},
): Promise<GroupsAnswer> {
  const [rows, fresh] = await Promise.all([
    database.ask<GroupRow>(
      "groups",
      `SELECT g.cluster, g.consumer_group AS "consumerGroup", g.state, g.members, g.topic, g.partition,
         ${bigColumn("g.committed", "committed")}, ${timeColumn("g.committed_at", "committedAt")},
         ${bigColumn("g.log_start", "logStart")}, ${bigColumn("g.log_end", "logEnd")},
         ${bigColumn("g.lag_messages", "lagMessages")}, ${bigColumn("g.expired_messages", "expiredMessages")}
       FROM trail.groups g
       WHERE ($1::text IS NULL OR g.cluster = $1) AND ($2::text IS NULL OR g.topic = $2) AND ($3::text IS NULL OR g.consumer_group = $3)
       ORDER BY g.cluster, g.consumer_group, g.topic, g.partition LIMIT $4`,
      [cluster ?? null, topic ?? null, consumerGroup ?? null, checkedLimit(limit)],
    ),
    freshness(),
  ]);
  return { rows, freshness: fresh };
}

function checkedLimit(limit = ROWS_DEFAULT): number {
  if (Number.isInteger(limit) && limit >= 1 && limit <= ROWS_MAX) return limit;
  throw badQuestion(`limit is ${limit}; expected a whole number, 1 to ${ROWS_MAX}.`);
}
