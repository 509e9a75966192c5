import { readdir, readFile, readlink } from "node:fs/promises";

/** Linux counts a process's time in hundredths of a second, whatever its clock. */
const TICK_MS = 10;
const LISTENING = "0A";

/**
 * Returns the CPU that the process which listens on a port of this machine has used, milliseconds; `null` where that
 * cannot be told: another machine, another system, another user's process.
 */
export async function cpuOfListener(address: string): Promise<number | null> {
  try {
    const pid = await listenerOf(Number(address.split(":").at(-1)));
    if (pid === undefined) return null;
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    // The name, in parentheses, may hold blanks: user and system time are the 12th and 13th field behind it.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}

async function listenerOf(port: number): Promise<string | undefined> {
  const tables = await Promise.all(["tcp", "tcp6"].map((it) => readFile(`/proc/net/${it}`, "utf8")));
  const ends = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  const sockets = tables
    .flatMap((table) => table.split("\n"))
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => local.endsWith(ends) && state === LISTENING)
    .map((fields) => `socket:[${fields[9]}]`);
  for (const pid of await readdir("/proc")) {
    if (!/^\d+$/.test(pid)) continue;
    const files = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const file of files) {
      if (sockets.includes(await readlink(`/proc/${pid}/fd/${file}`).catch(() => ""))) return pid;
    }
  }
  return undefined;
}
