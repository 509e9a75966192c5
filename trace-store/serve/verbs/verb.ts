import type { Command } from "commander";
import type { Client } from "../cli/client.ts";
import type { ExitCode } from "../cli/exit-codes.ts";
import type { Operations } from "../cli/operations.ts";
import type { Output } from "../cli/output.ts";

/** What a verb works with. */
export interface Tools {
  readonly client: Client;
  readonly operations: Operations;
  readonly output: Output;
  /** Called once by a verb that ends otherwise than with 0. */
  readonly exit: (code: ExitCode) => void;
}

/** Adds one verb to the program. `tools` is asked only when the verb runs, as options are known then. */
export type Verb = (program: Command, tools: () => Tools) => void;
