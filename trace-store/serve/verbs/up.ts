import { Option } from "commander";
import { PARTS, type Part } from "../cli/operations.ts";
import { spellSettings } from "./settings.ts";
import type { Verb } from "./verb.ts";

/** `kafka-trail up`: runs the store. */
export const up: Verb = (program, tools) => {
  program
    .command("up")
    .summary("run the store: take spans in, watch the broker, answer questions")
    .description("Runs the store until it is told to stop (Ctrl-C). Migrates the database first.")
    .addOption(new Option("--only <part>", "run one part in this process").choices(PARTS))
    .addHelpText("after", spellSettings())
    .action(async ({ only }: { only?: Part }) => tools().operations.up({ only }));
};
