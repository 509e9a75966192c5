import type { Query } from "./questions.ts";
import { freshnessOf } from "./ask-freshness.ts";
import { askAnything } from "./ask-anything.ts";
import { askCoverage, askGroups, askUndelivered } from "./ask-lists.ts";
import { askMessage } from "./ask-message.ts";
import { askTrail } from "./ask-trail.ts";
import { openDatabase } from "./database.ts";

/** Options of {@link createQuery}. */
export interface QueryOptions {
  readonly databaseUrl: string;
  /** Nothing negative is said of a message before the indexer is this far past it. Milliseconds, default 60,000. */
  readonly settleMs?: number;
  /** Of apps that record keys as HMACs: what is looked for is looked for under its HMAC too. */
  readonly keyHmacSecret?: string | undefined;
  /** Default 8. */
  readonly connectionsMax?: number;
  /** A question that takes longer is given up. Milliseconds, default 5,000. */
  readonly statementTimeoutMs?: number;
}

/** Opens the one typed question. Connects at the first of them. */
export function createQuery(options: QueryOptions): Query {
  const { databaseUrl, settleMs = 60_000, connectionsMax = 8, statementTimeoutMs = 5_000 } = options;
  const database = openDatabase({ databaseUrl, connectionsMax, statementTimeoutMs });
  const freshness = freshnessOf(database);
  return {
    trail: (traceId) => askTrail(database, freshness, traceId),
    message: (at) => askMessage(database, freshness, settleMs, at),
    find: (anything) => askAnything(database, freshness, options, anything),
    undelivered: (question) => askUndelivered(database, freshness, settleMs, question),
    coverage: (topic, cluster) => askCoverage(database, freshness, topic, cluster),
    groups: (question) => askGroups(database, freshness, question),
    freshness,
    close: () => database.close(),
  };
}
