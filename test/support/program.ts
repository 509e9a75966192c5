import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** How a program ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  tookMs: number;
}

/** A program under way. */
export interface Running {
  readonly child: ChildProcess;
  /** Resolves when stdout holds this text; rejects when the program ends without. */
  readonly says: (text: string) => Promise<void>;
  /** What it has written on stderr by now. */
  readonly stderr: () => string;
  readonly ended: Promise<Ended>;
}

export interface ProgramOptions {
  /** Arguments of node, before the script. */
  readonly nodeArguments?: readonly string[];
  /** Arguments of the script. */
  readonly scriptArguments?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Folder the program runs in. Default: this checkout, so that `kafka-trail` means the built library. */
  readonly cwd?: string;
  /** Default: the node that runs the tests. */
  readonly node?: string;
}

/** This checkout's folder. */
export const ROOT = dirname(dirname(__dirname));

/** Runs a script of a file that exists. */
export function run(script: string, options: ProgramOptions = {}): Running {
  const { nodeArguments = [], scriptArguments = [], env = {}, cwd = ROOT, node = process.execPath } = options;
  const started = Date.now();
  const child = spawn(node, [...nodeArguments, script, ...scriptArguments], {
    cwd,
    env: { ...process.env, NODE_OPTIONS: "", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  const listeners = new Set<() => void>();
  const heard = () => listeners.forEach((listener) => listener());
  child.stdout.setEncoding("utf8").on("data", (text: string) => ((stdout += text), heard()));
  child.stderr.setEncoding("utf8").on("data", (text: string) => void (stderr += text));
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      resolve({ code, signal, stdout, stderr, tookMs: Date.now() - started });
    });
  });
  const says = async (text: string) => {
    const said = new Promise<boolean>((resolve) => {
      const look = () => stdout.includes(text) && resolve(true);
      listeners.add(look);
      look();
    });
    const isSaid = await Promise.race([said, ended.then(() => stdout.includes(text))]);
    if (!isSaid) throw new Error(`The program ended without saying ${text}. Its stderr: ${stderr}`);
  };
  return { child, says, stderr: () => stderr, ended };
}

/** Runs program text from a file in a folder that is removed when it has ended. */
export function runText(text: string, options: ProgramOptions & { extension?: "cjs" | "mjs" } = {}): Running {
  // Beside node_modules, or nothing would be found from an ES module.
  const folder = mkdtempSync(join(options.cwd ?? ROOT, ".program-"));
  const script = join(folder, `app.${options.extension ?? "cjs"}`);
  writeFileSync(script, text);
  const running = run(script, options);
  const remove = () => rmSync(folder, { recursive: true, force: true });
  void running.ended.then(remove, remove);
  return running;
}
