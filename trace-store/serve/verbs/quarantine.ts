import { writeQuarantine } from "../cli/views/quarantine.ts";
import type { Verb } from "./verb.ts";

/** `kafka-trail quarantine`: what could not be stored, and why. */
export const quarantine: Verb = (program, tools) => {
  const verb = program.command("quarantine").summary("what could not be stored, and why");
  const list = async (hash: string | undefined): Promise<void> => {
    const { operations, output } = tools();
    const entries = await operations.quarantined({ hash });
    if (entries.length === 0) {
      output.say(
        hash === undefined ? "Nothing is in quarantine." : `Nothing in quarantine is named ${hash}.`,
      );
    }
    output.answer(entries, { table: writeQuarantine, rows: (them) => them });
  };
  verb
    .command("ls")
    .summary("the newest thousand, without their bytes")
    .action(() => list(undefined));
  verb
    .command("show <hash>")
    .summary("one of them with its bytes in base64; the beginning of its hash will do")
    .action((hash: string) => list(hash));
};
