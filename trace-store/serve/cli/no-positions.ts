import type { Freshness } from "../../query/answers.ts";

/** Says that nobody is known to read what was asked about: a name may be misspelled, or nobody watches. */
export function noPositions(
  { watchers }: Freshness,
  topic = "any topic",
  group = "a consumer group",
): string {
  const watched =
    watchers.length > 0
      ? "The watcher has seen no such commit."
      : "No watcher runs: set KAFKA_BROKERS for `kafka-trail up`.";
  return `No position of ${group} on ${topic} is known. ${watched}`;
}
