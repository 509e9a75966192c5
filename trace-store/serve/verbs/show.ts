import type { TrailAnswer } from "../../query/answers.ts";
import { sayFreshness } from "../cli/freshness.ts";
import type { Output } from "../cli/output.ts";
import { writeTrail } from "../cli/views/trail.ts";
import type { Verb } from "./verb.ts";

/** `kafka-trail show`: everything that happened around a trace id. */
export const show: Verb = (program, tools) => {
  program
    .command("show")
    .argument("<trace id>", "32 hex characters, or a traceparent")
    .summary("show a whole trail, hop by hop")
    .description(
      "Shows everything that happened around a trace id, in time order, links followed both ways.\nOn a pipe: one hop a line.",
    )
    .action(async (traceId: string) => {
      const { client, output } = tools();
      const trail = await client.get<TrailAnswer>(`/api/v1/trails/${encodeURIComponent(traceId)}`);
      output.answer(trail, { table: writeTrail, rows: ({ hops }) => hops });
      sayOfTrail(trail, output);
    });
};

/** Says on stderr what of a trail is not in the answer. */
export function sayOfTrail({ isCut, freshness }: TrailAnswer, output: Output): void {
  if (isCut) output.say("The trail is longer than is answered at once; this is its beginning.");
  sayFreshness(freshness, output);
}
