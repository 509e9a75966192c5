import { type Command, Option } from "commander";
import type { Verb } from "./verb.ts";

/** `kafka-trail purge`: forgets what must be forgotten. */
export const purge: Verb = (program, tools) => {
  program
    .command("purge")
    .summary("forget the spans of a message key or of a trace")
    .description(
      "Forgets spans with their links and ranges, and what quarantine holds of them, in the database at DATABASE_URL.\nThe span topic and backups are not reached; a sender that sends the same spans again brings them back.",
    )
    .addOption(new Option("--key <key>", "every span with this message key").conflicts("trace"))
    .addOption(new Option("--trace <trace id>", "every span of this trace, 32 hex characters or a UUID"))
    .action(async ({ key, trace }: { key?: string; trace?: string }, command: Command) => {
      // A shell's variable that is not set: nothing would be forgotten, and it would read as done.
      if (key === "") command.error("the key is empty; expected the key of a message");
      if (key === undefined && !/^[0-9a-f]{8}-?([0-9a-f]{4}-?){3}[0-9a-f]{12}$/i.test(trace ?? "")) {
        command.error(
          trace === undefined
            ? "say what to forget: --key <key> or --trace <trace id>"
            : `"${trace}" is not a trace id; expected 32 hex characters or the same as a UUID`,
        );
      }
      const { operations, output } = tools();
      const target = key === undefined ? { traceId: trace ?? "" } : { key };
      const { spans, links, ranges, quarantined } = await operations.purge(target);
      output.say(
        `Forgot ${spans} spans, ${links} links, ${ranges} ranges and ${quarantined} quarantined pieces.`,
      );
    });
};
