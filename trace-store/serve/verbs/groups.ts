import type { GroupsAnswer } from "../../query/list-answers.ts";
import { EXIT } from "../cli/exit-codes.ts";
import { noPositions } from "../cli/no-positions.ts";
import { sayFreshness } from "../cli/freshness.ts";
import { writeGroups } from "../cli/views/groups.ts";
import type { Verb } from "./verb.ts";

interface Options {
  readonly topic?: string;
  readonly group?: string;
}

/** `kafka-trail groups`: where each consumer group stands. */
export const groups: Verb = (program, tools) => {
  program
    .command("groups")
    .summary("where each consumer group stands, by the broker's own word")
    .description("Shows where each consumer group stands on each partition. On a pipe: one partition a line.")
    .option("--topic <topic>", "only on this topic")
    .option("--group <group>", "only this consumer group")
    .action(async ({ topic, group }: Options) => {
      const { client, output, exit } = tools();
      const answer = await client.get<GroupsAnswer>("/api/v1/groups", { topic, consumerGroup: group });
      output.answer(answer, { table: writeGroups, rows: ({ rows }) => rows });
      if (answer.rows.length === 0) {
        exit(EXIT.notFound);
        output.say(noPositions(answer.freshness, topic, group));
      }
      sayFreshness(answer.freshness, output);
    });
};
