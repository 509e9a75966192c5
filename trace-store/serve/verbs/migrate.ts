import type { Verb } from "./verb.ts";

/** `kafka-trail migrate`: brings the database's schema to this build's. */
export const migrate: Verb = (program, tools) => {
  program
    .command("migrate")
    .summary("bring the database's schema to this build's")
    .description(
      "Applies what is missing to the database at DATABASE_URL. Safe to run again, and beside a running store.",
    )
    .option("--citus", "spread spans over the workers of the Citus cluster whose coordinator DATABASE_URL is")
    .action(async ({ citus = false }: { citus?: boolean }) => {
      const { operations, output } = tools();
      const { applied, distributed, version } = await operations.migrate({ citus });
      const spread = distributed.length === 0 ? "" : ` Spread over the workers: ${distributed.join(", ")}.`;
      output.say(
        applied.length === 0 && spread === ""
          ? `The schema is at ${version} already; nothing to do.`
          : `The schema is at ${version} now.${applied.length === 0 ? "" : ` Applied: ${applied.join(", ")}.`}${spread}`,
      );
    });
};
