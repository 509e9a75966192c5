import type { Freshness } from "../../query/answers.ts";
import { sinceLastLookMs } from "../../query/last-look.ts";
import type { Output } from "./output.ts";
import { spellDuration } from "./times.ts";

/** An indexer that is no further behind than this is up to date for a person. */
const DELAY_SAID_MS = 10_000;

/** Says on stderr what an answer cannot know yet: an indexer behind, a watcher that cannot see. */
export function sayFreshness(freshness: Freshness, output: Output): void {
  const { indexerDelayMs, watchers } = freshness;
  if (indexerDelayMs !== null && indexerDelayMs > DELAY_SAID_MS) {
    const behind = spellDuration(BigInt(Math.round(indexerDelayMs)) * 1_000_000n);
    output.say(
      sinceLastLookMs(freshness) === undefined
        ? `The indexer is ${behind} behind: newer spans are not in this answer.`
        : `The broker was last looked at ${behind} ago: whether newer spans are in this answer is not known.`,
    );
  }
  for (const { cluster, problem } of watchers) {
    if (problem !== null) output.say(`The broker${cluster && ` of ${cluster}`} is not seen: ${problem}`);
  }
}
