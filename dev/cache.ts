import { existsSync } from "node:fs";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { homedir, uptime } from "node:os";
import { join } from "node:path";
import { type Progress, quiet } from "./progress.ts";
import { waitUntil } from "./wait.ts";

const MAKING_TIMEOUT_MS = 30 * 60_000;
/** Between the making of a lock and the writing of its holder's number lies less than this. */
const NAMELESS_LOCK_MS = 10_000;

/** Where downloads and builds are kept: `KAFKA_TRAIL_CACHE`, else `kafka-trail` in the user's cache directory. */
export function cacheDirectory(): string {
  const userCache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return process.env["KAFKA_TRAIL_CACHE"] || join(userCache, "kafka-trail");
}

/** The path of a finished entry. `key` names what it is and its version. */
export function findCached(key: string): string | undefined {
  const path = join(cacheDirectory(), key);
  return existsSync(path) ? path : undefined;
}

/**
 * Returns the directory of an entry, and lets `make` fill it where it is missing.
 *
 * An entry appears whole, by a rename, or not at all. A second process that wants the same waits for the first.
 */
export async function cached(
  key: string,
  make: (directory: string) => Promise<void>,
  onProgress: Progress = quiet,
): Promise<string> {
  const path = join(cacheDirectory(), key);
  const lock = `${path}.lock`;
  await mkdir(cacheDirectory(), { recursive: true });

  let isWaiting = false;
  const look = async () => {
    if (existsSync(path)) return "made";
    if (!(await takeLock(lock))) {
      if (!isWaiting) onProgress(`Waiting for another process that makes ${path}`);
      isWaiting = true;
      return undefined;
    }
    if (!existsSync(path)) return "mine";
    // It was done between the two looks.
    await rm(lock, { force: true });
    return "made";
  };
  const what = `The making of ${path} by another process (delete ${lock} if there is none)`;
  const who = await waitUntil(what, look, { timeoutMs: MAKING_TIMEOUT_MS, intervalMs: 200 });
  if (who === "made") return path;

  const making = `${path}.${process.pid}.making`;
  try {
    await removeLeftovers(key);
    await mkdir(making);
    await make(making);
    await rename(making, path);
  } catch (error) {
    await rm(making, { recursive: true, force: true });
    // Two that took over the same dead lock make it twice, and the first to be done has won.
    if (!existsSync(path)) throw error;
  } finally {
    await rm(lock, { force: true });
  }
  return path;
}

/** The lock only saves work; that entries are whole is the rename's doing. So a race for a dead lock does no harm. */
async function takeLock(lock: string): Promise<boolean> {
  try {
    const file = await open(lock, "wx");
    await file.write(String(process.pid));
    await file.close();
    return true;
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
  if (!(await isDead(lock))) return false;
  await rm(lock, { force: true });
  return takeLock(lock);
}

async function isDead(lock: string): Promise<boolean> {
  try {
    const [{ mtimeMs }, holder] = [await stat(lock), Number(await readFile(lock, "utf8"))];
    if (holder === 0) return mtimeMs < Date.now() - NAMELESS_LOCK_MS;
    // After a restart of the machine somebody else may have the holder's number.
    return mtimeMs < Date.now() - uptime() * 1_000 || !isAlive(holder);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    return false;
  }
}

async function removeLeftovers(key: string): Promise<void> {
  for (const name of await readdir(cacheDirectory())) {
    const maker = name.startsWith(`${key}.`) ? /\.(\d+)\.making$/.exec(name)?.[1] : undefined;
    if (maker !== undefined && !isAlive(Number(maker))) {
      await rm(join(cacheDirectory(), name), { recursive: true, force: true });
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
