import type { FindAnswer } from "../../query/answers.ts";
import { sayFreshness } from "../cli/freshness.ts";
import type { Page } from "../cli/page.ts";
import { writeMatches } from "../cli/views/matches.ts";
import { writeMessage } from "../cli/views/message.ts";
import { writeTrail } from "../cli/views/trail.ts";
import { sayOfTrail } from "./show.ts";
import type { Verb } from "./verb.ts";

/** What a server answers with 200. */
export type Found = Exclude<FindAnswer, { kind: "not_found" }>;

/** `kafka-trail find`: what happened to whatever bears this id. */
export const find: Verb = (program, tools) => {
  program
    .command("find")
    .argument("<anything>", "trace id, traceparent, topic/partition/offset, message key, message id")
    .summary("what happened to this message?")
    .description(
      "Finds what bears this id, also inside a pasted URL or JSON: a trail, a message with a verdict for every consumer group, or the messages of a key. On a pipe: one hop, message or match a line.",
    )
    .action(async (anything: string) => {
      const { client, output } = tools();
      const found = await client.get<Found>("/api/v1/find", { q: anything });
      output.answer(found, { table: writeFound, rows: rowsOf });
      switch (found.kind) {
        case "trail":
          return sayOfTrail(found.trail, output);
        case "message":
          return sayFreshness(found.message.freshness, output);
        case "matches":
          return sayFreshness(found.matches.freshness, output);
      }
    });
};

function writeFound(found: Found, page: Page): string {
  switch (found.kind) {
    case "trail":
      return writeTrail(found.trail, page);
    case "message":
      return writeMessage(found.message, page);
    case "matches":
      return writeMatches(found.matches, page);
  }
}

function rowsOf(found: Found): readonly unknown[] {
  switch (found.kind) {
    case "trail":
      return found.trail.hops;
    case "message":
      return [found.message];
    case "matches":
      return found.matches.matches;
  }
}
