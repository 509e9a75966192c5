import { TrailError } from "../../errors.ts";
import { EXIT } from "../cli/exit-codes.ts";
import type { Operations } from "../cli/operations.ts";
import { writeQuarantine, writeRetried } from "../cli/views/quarantine.ts";
import type { Verb } from "./verb.ts";

/** `kafka-trail quarantine`: what could not be stored, and why. */
export const quarantine: Verb = (program, tools) => {
  const verb = program
    .command("quarantine")
    .helpCommand(false)
    .summary("what could not be stored, and why")
    .description("Lists, shows and tries again what could not be stored, in the database at DATABASE_URL.");
  const list = async (hash: string | undefined): Promise<void> => {
    const { operations, output, exit } = tools();
    const entries = await operations.quarantined({ hash });
    if (entries.length === 0) {
      output.say(
        hash === undefined ? "Nothing is in quarantine." : `Nothing in quarantine is named ${hash}.`,
      );
      if (hash !== undefined) exit(EXIT.notFound);
    }
    output.answer(entries, { table: writeQuarantine, rows: (them) => them });
  };
  verb
    .command("ls")
    .summary("the newest thousand, without their bytes")
    .description("Lists the newest thousand entries, without their bytes. On a pipe: one entry a line.")
    .action(() => list(undefined));
  verb
    .command("show <hash>")
    .summary("one of them with its bytes in base64; the beginning of its hash will do")
    .description("Shows one entry with its bytes in base64; the beginning of its hash will do.")
    .action((hash: string) => list(hash));
  verb
    .command("retry [hash]")
    .summary("store again what was kept whole: one, all of a reason, or all")
    .description(
      "Decodes again what quarantine keeps whole, and stores its spans; the entry goes with the same commit. What is still refused stays, and so does what was cut at 64 KiB. Exits 0 when all that was named is stored, 1 when some of it stays, 3 when nothing was named so.",
    )
    .option("--reason <reason>", "all of this reason; `poison` for whatever Postgres refused")
    .option("--all", "everything")
    .action(async (hash: string | undefined, options: RetryOptions) => {
      const { operations, output, exit } = tools();
      const target = targetOf(hash, options);
      const entries = "hash" in target ? await operations.quarantined({ hash: target.hash }) : [];
      if (entries.length > 1) {
        throw new TrailError(
          "TRAIL_BAD_QUESTION",
          `${entries.length} entries begin with "${hash}"; expected the beginning of one. Give more of it.`,
        );
      }
      const retried = await operations.retryQuarantined(target);
      if (retried.length === 0)
        output.say("all" in target ? "Nothing is in quarantine." : "Nothing in quarantine is named so.");
      output.answer(retried, { table: writeRetried, rows: (them) => them });
      const stays = retried.filter((it) => it.outcome === "refused" || it.outcome === "cut").length;
      const spans = retried.reduce((sum, it) => sum + it.spans, 0);
      if (retried.length > 0)
        output.say(`Stored ${spans} spans; ${stays} of ${retried.length} entries stay.`);
      if (stays > 0) exit(EXIT.error);
      else if (retried.length === 0 && !("all" in target)) exit(EXIT.notFound);
    });
};

interface RetryOptions {
  readonly reason?: string;
  readonly all?: boolean;
}

type RetryTarget = Parameters<Operations["retryQuarantined"]>[0];

function targetOf(hash: string | undefined, { reason, all }: RetryOptions): RetryTarget {
  const targets: RetryTarget[] = [];
  if (hash !== undefined) targets.push({ hash });
  if (reason !== undefined) targets.push({ reason });
  if (all === true) targets.push({ all });
  const [target] = targets;
  if (target !== undefined && targets.length === 1) return target;
  throw new TrailError(
    "TRAIL_BAD_QUESTION",
    "It was not said which entries to try again, or twice; expected one of: a hash, --reason <reason>, --all.",
  );
}
