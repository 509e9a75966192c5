// Owns the processes and directories of the program that forked it, and outlives it by as long as cleaning up takes.
// Whatever ends that program (a return, Ctrl-C, a crash, SIGKILL), the channel between the two closes: that is the sign.
import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync } from "node:fs";
import { setPriority } from "node:os";

const children = new Map();
const directories = new Set();

function tell(message) {
  // The program may be gone by the time its child is: nobody is left to be told, and that is no fault.
  if (process.connected) process.send(message, () => undefined);
}

function start(id, options) {
  const log = openSync(options.logFile, "a");
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: options.env,
    uid: options.uid,
    gid: options.gid,
    stdio: ["ignore", log, log],
    // A process group of its own: Ctrl-C in the terminal must not reach it before we decide, and a kill reaches its children.
    detached: true,
  });
  closeSync(log);
  child.once("error", (error) => {
    children.delete(id);
    tell({ id, event: "failed", reason: error.message });
  });
  child.once("spawn", () => {
    if (options.niceness !== undefined) setPriority(child.pid, options.niceness);
    tell({ id, event: "started", pid: child.pid });
  });
  const exited = new Promise((resolve) => {
    child.once("exit", (code, signal) => {
      children.delete(id);
      tell({ id, event: "exited", code, signal });
      resolve();
    });
    child.once("error", resolve);
  });
  children.set(id, { child, exited, options });
}

function signal(id, name) {
  const pid = children.get(id)?.child.pid;
  if (pid === undefined) return;
  try {
    process.kill(-pid, name);
  } catch (error) {
    if (error.code !== "ESRCH") throw error;
  }
}

async function stop(id) {
  const entry = children.get(id);
  if (entry === undefined) return;
  const { stopCommand, stopSignal, stopTimeoutMs } = entry.options;
  if (stopCommand !== undefined) {
    spawnSync(stopCommand[0], stopCommand.slice(1), { stdio: "ignore", timeout: stopTimeoutMs });
  } else {
    signal(id, stopSignal);
    // A paused process does not hear anything else.
    signal(id, "SIGCONT");
  }
  const timer = setTimeout(() => signal(id, "SIGKILL"), stopTimeoutMs);
  await entry.exited;
  clearTimeout(timer);
}

async function finish() {
  await Promise.all([...children.keys()].map(stop));
  for (const directory of directories) rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
  process.exit(0);
}

process.on("message", (message) => {
  if (message.request === "start") start(message.id, message.options);
  else if (message.request === "signal") signal(message.id, message.signal);
  else if (message.request === "stop") void stop(message.id);
  else if (message.request === "own") directories.add(message.directory);
});
process.on("disconnect", () => void finish());
for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => void finish());
