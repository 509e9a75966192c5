import type { Verb } from "./verb.ts";

/** `kafka-trail migrate`: brings the database's schema to this build's. */
export const migrate: Verb = (program, tools) => {
  program
    .command("migrate")
    .summary("bring the database's schema to this build's")
    .description(
      "Applies what is missing to the database at DATABASE_URL. Safe to run again, and beside a running store.",
    )
    .action(async () => {
      const { operations, output } = tools();
      const { applied, version } = await operations.migrate();
      output.say(
        applied.length === 0
          ? `The schema is at ${version} already; nothing to do.`
          : `The schema is at ${version} now. Applied: ${applied.join(", ")}.`,
      );
    });
};
