import type { Freshness } from "../../query/answers.ts";
import { TrailError } from "../../errors.ts";
import { sinceLastLookMs } from "../../query/last-look.ts";
import type { Client, ToldCheck } from "../cli/client.ts";
import { EXIT } from "../cli/exit-codes.ts";
import type { Page } from "../cli/page.ts";
import { writeTable, type Column } from "../cli/table.ts";
import { spellDuration, spellMoment, unixNanoOf } from "../cli/times.ts";
import type { HealthCheck } from "../health.ts";
import type { Verb } from "./verb.ts";

const COLUMNS: readonly Column[] = [
  { title: "part" },
  { title: "is" },
  // Nothing of what to do is cut.
  { title: "says", lengthMax: 4_000, wraps: true },
];
const DELAY_HEALTHY_MS = 60_000;
/** Twice the longest pause that KAFKA_TRAIL_WATCH_POLL_MS allows. */
const WATCHER_GONE_MS = 600_000;

/** `kafka-trail doctor`: what is wrong with the store, and what to do. */
export const doctor: Verb = (program, tools) => {
  program
    .command("doctor")
    .summary("what is wrong with the store, and what to do")
    .description(
      "Asks the server how each of its parts is. Exits 0 when all is well and 1 when something is not.\nOn a pipe: one part a line.",
    )
    .action(async () => {
      const { client, output, exit } = tools();
      const checks = [...(await client.health()), ...(await freshnessChecks(client))];
      output.answer(checks, { table: writeChecks, rows: (it) => it });
      if (checks.some((it) => !it.isReady)) exit(EXIT.error);
    });
};

async function freshnessChecks(client: Client): Promise<HealthCheck[]> {
  try {
    const freshness = await client.get<Freshness>("/api/v1/freshness");
    return [holdsCheck(freshness), indexerCheck(freshness), ...watcherChecks(freshness)];
  } catch (error) {
    // The health of the database has said it already, or a token is missing, which only stands in the way of details.
    if (error instanceof TrailError) return [{ name: "answers", isReady: false, says: error.message }];
    throw error;
  }
}

function holdsCheck({ holds }: Freshness): HealthCheck {
  const says =
    holds.from === null || holds.to === null
      ? "No spans yet: send the apps' spans here (OTEL_EXPORTER_OTLP_ENDPOINT), or the collector's to the span topic."
      : `Spans from ${spellMoment(unixNanoOf(holds.from))} to ${spellMoment(unixNanoOf(holds.to))}.`;
  return { name: "store", isReady: true, says };
}

function indexerCheck(freshness: Freshness): HealthCheck {
  const { indexerDelayMs } = freshness;
  if (indexerDelayMs === null) {
    return {
      name: "freshness",
      isReady: true,
      says: "How far the indexer is behind is not known: no watcher has told the span topic's end.",
    };
  }
  const isReady = indexerDelayMs <= DELAY_HEALTHY_MS;
  const behind = spellDuration(BigInt(Math.round(indexerDelayMs)) * 1_000_000n);
  if (!isReady && sinceLastLookMs(freshness) !== undefined) {
    // Not the indexer's fault: the watcher's own line says whose.
    const says = `How far the indexer is behind is not known: nobody has looked at the broker for ${behind}. By then all was stored.`;
    return { name: "freshness", isReady: true, says };
  }
  const says = `The indexer is ${indexerDelayMs < 1_000 ? "less than a second" : behind} behind.${
    isReady ? "" : " Start more indexers (`kafka-trail up --only index`), or look at what slows Postgres."
  }`;
  return { name: "freshness", isReady, says };
}

function watcherChecks({ watchers }: Freshness): HealthCheck[] {
  if (watchers.length === 0) {
    const says =
      "No watcher has run: verdicts rest on spans alone. Set KAFKA_BROKERS for `kafka-trail up` to know offsets too.";
    return [{ name: "watcher", isReady: true, says }];
  }
  return watchers.map(({ cluster, way, ageMs, problem }) => {
    const look =
      ageMs === null
        ? "no whole look yet"
        : `last look ${spellDuration(BigInt(Math.round(ageMs)) * 1_000_000n)} ago`;
    const seen = `Commits are read ${way === "poll" ? "by polling" : "from __consumer_offsets"}; ${look}.`;
    const isGone = problem === null && ageMs !== null && ageMs > WATCHER_GONE_MS;
    const what = isGone
      ? "Nobody looks at the broker: start `kafka-trail up`, or `up --only watch`."
      : problem;
    return {
      name: cluster === "" ? "watcher" : `watcher of ${cluster}`,
      isReady: what === null,
      says: what === null ? seen : `${what} ${seen}`,
    };
  });
}

function writeChecks(checks: readonly ToldCheck[], page: Page): string {
  const rows = checks.map(({ name, isReady, says }) => [
    name,
    isReady ? ({ text: "well", style: "good" } as const) : ({ text: "NOT WELL", style: "bad" } as const),
    says ?? "",
  ]);
  return writeTable(COLUMNS, rows, page);
}
