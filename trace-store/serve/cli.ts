import { Command, CommanderError, Option } from "commander";
import type { Config } from "../config.ts";
import { TrailError } from "../errors.ts";
import { createClient } from "./cli/client.ts";
import { EXIT, EXIT_OF_CODE, type ExitCode } from "./cli/exit-codes.ts";
import type { Operations } from "./cli/operations.ts";
import { createOutput, FORMATS, type Format, type Terminal } from "./cli/output.ts";
import { printable } from "./cli/text.ts";
import { assert } from "./verbs/assert.ts";
import { coverage } from "./verbs/coverage.ts";
import { doctor } from "./verbs/doctor.ts";
import { find } from "./verbs/find.ts";
import { groups } from "./verbs/groups.ts";
import { migrate } from "./verbs/migrate.ts";
import { purge } from "./verbs/purge.ts";
import { quarantine } from "./verbs/quarantine.ts";
import { show } from "./verbs/show.ts";
import { stuck } from "./verbs/stuck.ts";
import { up } from "./verbs/up.ts";
import type { Tools, Verb } from "./verbs/verb.ts";

/** What the program `kafka-trail` is made of. */
export interface CliOptions extends Terminal {
  readonly operations: Operations;
  readonly config: Pick<Config, "url" | "token">;
  readonly version: string;
}

/** In the order of the help. */
const VERBS: readonly Verb[] = [
  find,
  show,
  stuck,
  groups,
  coverage,
  assert,
  doctor,
  quarantine,
  purge,
  up,
  migrate,
];

/** Makes the program. Parsing it may throw `CommanderError` and `TrailError`; {@link runCli} does all of that. */
export function createProgram(
  options: CliOptions,
  exit: (code: ExitCode) => void = () => undefined,
): Command {
  const program = new Command("kafka-trail")
    .description("What happened to this message?")
    .version(options.version, "-V, --version", "say the version")
    .helpCommand(false)
    .helpOption("-h, --help", "say how to use it")
    .addOption(new Option("-o, --output <form>", "table on a terminal, ndjson on a pipe").choices(FORMATS))
    .addOption(new Option("--url <url>", "server to ask (default: KAFKA_TRAIL_URL, else this machine's)"))
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: true })
    .exitOverride()
    .configureOutput({
      writeOut: (text) => options.stdout.write(text),
      writeErr: (text) => options.stderr.write(text),
      // As its other errors begin.
      outputError: (text, write) => write(`kafka-trail: ${text.replace(/^error: /, "")}`),
    })
    .addHelpText("after", AFTER_HELP);
  const tools = (): Tools => {
    const { output, url } = program.opts<{ output?: Format; url?: string }>();
    return {
      client: createClient({ url: url ?? options.config.url, token: options.config.token }),
      operations: options.operations,
      output: createOutput(options, output),
      exit,
    };
  };
  for (const verb of VERBS) verb(program, tools);
  // Each command has its own settings in commander; a verb answers to the program's.
  for (const command of program.commands) command.copyInheritedSettings(program);
  for (const command of [program, ...program.commands.flatMap((it) => [it, ...it.commands])])
    command.showHelpAfterError(`See ${fullNameOf(command)} --help`);
  return program;
}

/** A command as it is typed, with those that it belongs to. */
function fullNameOf(command: Command): string {
  const { parent } = command;
  return parent === null ? command.name() : `${fullNameOf(parent)} ${command.name()}`;
}

/** Runs the program once. Never throws what a user can cause: it is said on stderr, and told by the exit code. */
export async function runCli(argv: readonly string[], options: CliOptions): Promise<ExitCode> {
  let code: ExitCode = EXIT.found;
  const program = createProgram(options, (it) => {
    code = it;
  });
  try {
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // Help and version come as an error with code 0. Commander has said the rest itself.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.found : EXIT.usage;
    if (!(error instanceof TrailError)) throw error;
    options.stderr.write(`kafka-trail: ${error.message.split("\n").map(printable).join("\n")}\n`);
    return EXIT_OF_CODE[error.code];
  }
}

const AFTER_HELP = `
An id is any of: trace id, traceparent, topic/partition/offset, message key, message id.

Examples:
  kafka-trail find orders/3/4711                     what happened to this message
  kafka-trail show 4bf92f3577b34da6a3ce929d0e0e4736  its whole trail, hop by hop
  kafka-trail stuck --group billing --older-than 5m
  kafka-trail assert orders/3/4711 --group billing --within 60s && echo delivered

Exit codes: 0 found, 1 error, 2 usage, 3 not found, 4 no access, 5 server not reachable, 6 found but not delivered (assert).`;
