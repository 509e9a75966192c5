import type { CoverageAnswer } from "../../query/list-answers.ts";
import { EXIT } from "../cli/exit-codes.ts";
import { sayFreshness } from "../cli/freshness.ts";
import { writeCoverage } from "../cli/views/coverage.ts";
import type { Verb } from "./verb.ts";

/** `kafka-trail coverage`: how much of a topic spans tell of. */
export const coverage: Verb = (program, tools) => {
  program
    .command("coverage")
    .argument("<topic>", "the topic")
    .summary("how much of a topic spans tell of")
    .description(
      "Shows of each partition how many offsets there are, and how many of them spans tell of: those of its producers and those of each consumer group. On a pipe: one partition and group a line.",
    )
    .option("--cluster <cluster>", "where several clusters are watched: of this one")
    .action(async (topic: string, { cluster }: { readonly cluster?: string }) => {
      const { client, output, exit } = tools();
      const answer = await client.get<CoverageAnswer>("/api/v1/coverage", { topic, cluster });
      output.answer(answer, { table: writeCoverage, rows: ({ rows }) => rows });
      if (answer.rows.length === 0) {
        exit(EXIT.notFound);
        output.say(noCoverage(topic, answer));
      }
      sayFreshness(answer.freshness, output);
    });
};

function noCoverage(topic: string, { freshness }: CoverageAnswer): string {
  const watched =
    freshness.watchers.length > 0
      ? "The watcher has seen no such topic."
      : "No watcher runs: set KAFKA_BROKERS for `kafka-trail up`.";
  return `The log of ${topic} is not known, so nobody can count. ${watched}`;
}
