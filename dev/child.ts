import { type ChildProcess, fork } from "node:child_process";
import { appendFileSync, chmodSync, mkdtempSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repositoryRoot } from "./root.ts";

/** What to start, and how to stop it. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  /** Takes stdout and stderr, appended. */
  readonly logFile: string;
  readonly cwd?: string;
  /** Default: this program's. */
  readonly env?: NodeJS.ProcessEnv;
  readonly uid?: number;
  readonly gid?: number;
  /** Default SIGTERM. */
  readonly stopSignal?: NodeJS.Signals;
  /** Run in place of the signal, where a signal does not reach what runs (a container). */
  readonly stopCommand?: readonly string[];
  /** SIGKILL follows after this. Default 10,000. */
  readonly stopTimeoutMs?: number;
  /** 1 to 19 gives way to everything else on the machine. */
  readonly niceness?: number;
}

/** How a child ended. */
export interface ChildExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A process that ends no later than this program, whatever ends this program. */
export interface Child {
  readonly pid: number;
  /** Waits for its end. */
  ended(): Promise<ChildExit>;
  /** Undefined while it runs. */
  exit(): ChildExit | undefined;
  /** Sends a signal to the child and everything it started. */
  signal(name: NodeJS.Signals): void;
  /** Stops it and waits for its end. */
  stop(): Promise<void>;
}

type Answer =
  | { id: number; event: "started"; pid: number }
  | { id: number; event: "failed"; reason: string }
  | ({ id: number; event: "exited" } & ChildExit);

interface Listener {
  started(pid: number): void;
  failed(reason: string): void;
  exited(exit: ChildExit): void;
}

let supervisor: ChildProcess | undefined;
let lastId = 0;
let waiting = 0;
const listeners = new Map<number, Listener>();

/** One supervisor for this program, made when first needed. */
function theSupervisor(): ChildProcess {
  if (supervisor?.connected) return supervisor;
  const forked = fork(join(repositoryRoot(), "dev", "supervisor.mjs"), {
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    detached: true,
    execArgv: [],
  });
  forked.on("message", (answer: Answer) => {
    const listener = listeners.get(answer.id);
    if (answer.event === "started") listener?.started(answer.pid);
    else if (answer.event === "failed") listener?.failed(answer.reason);
    else listener?.exited({ code: answer.code, signal: answer.signal });
  });
  forked.once("exit", () => {
    for (const listener of listeners.values()) {
      listener.failed("its supervisor is gone");
      listener.exited({ code: null, signal: null });
    }
  });
  // A program that is done may end without stopping what it started: the supervisor stops it then.
  forked.unref();
  forked.channel?.unref();
  supervisor = forked;
  return forked;
}

/** Keeps this program alive while it waits for an answer of the supervisor's. */
async function held<T>(promise: Promise<T>): Promise<T> {
  waiting += 1;
  supervisor?.channel?.ref();
  try {
    return await promise;
  } finally {
    waiting -= 1;
    if (waiting === 0) supervisor?.channel?.unref();
  }
}

/** Starts a process that is stopped at the latest when this program ends, by SIGKILL too. */
export async function startChild(options: ChildOptions): Promise<Child> {
  const owner = theSupervisor();
  const id = ++lastId;
  let exit: ChildExit | undefined;
  let onExit!: (exit: ChildExit) => void;
  const exited = new Promise<ChildExit>((resolve) => (onExit = resolve));
  const started = new Promise<number>((resolve, reject) => {
    listeners.set(id, {
      started: resolve,
      failed(reason) {
        listeners.delete(id);
        reject(new Error(`${options.command} could not be started: ${reason}.`));
      },
      exited(how) {
        exit = how;
        listeners.delete(id);
        onExit(how);
      },
    });
  });
  owner.send({
    request: "start",
    id,
    options: { stopSignal: "SIGTERM", stopTimeoutMs: 10_000, env: process.env, ...options },
  });

  const pid = await held(started);
  return {
    pid,
    ended: () => held(exited),
    exit: () => exit,
    signal(name) {
      if (exit === undefined) owner.send({ request: "signal", id, signal: name });
    },
    async stop() {
      if (exit !== undefined) return;
      owner.send({ request: "stop", id });
      await held(exited);
    },
  };
}

/** Runs a command to its end. Throws with the end of its output when that is not success. */
export async function runToEnd(options: ChildOptions): Promise<void> {
  const child = await startChild(options);
  const { code, signal } = await child.ended();
  if (code === 0) return;
  throw new Error(
    `${options.command} ${options.args[0] ?? ""} ended with ${signal ?? `exit code ${code}`}. Its last words:\n${await lastLines(options.logFile)}`,
  );
}

/** Reads the last lines of a log, for an error. */
export async function lastLines(logFile: string, count = 15): Promise<string> {
  const text = await readFile(logFile, "utf8");
  return text.trimEnd().split("\n").slice(-count).join("\n");
}

/** A directory of this program's own. */
export interface TemporaryDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

/** Makes an empty directory that is removed at the latest when this program ends. Other users enter it only if public. */
export function temporaryDirectory(purpose: string, { isPublic = false } = {}): TemporaryDirectory {
  const owner = theSupervisor();
  const path = mkdtempSync(join(tmpdir(), `kafka-trail-${purpose}-`));
  owner.send({ request: "own", directory: path });
  if (isPublic) chmodSync(path, 0o755);
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5 }) };
}

/** Makes sure that a log can be read before anything was written to it. */
export function emptyLog(directory: string, name: string): string {
  const path = join(directory, name);
  appendFileSync(path, "");
  return path;
}
