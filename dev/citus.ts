import { existsSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { type Child, emptyLog, lastLines, runToEnd, startChild, temporaryDirectory } from "./child.ts";
import { isFree } from "./ports.ts";
import { FAST_SETTINGS } from "./postgres.ts";
import { type Progress, quiet, timed } from "./progress.ts";
import { repositoryRoot } from "./root.ts";
import { waitUntil } from "./wait.ts";

/** A Citus cluster: a coordinator and two workers or more. */
export interface CitusCluster {
  /** Of a superuser on the coordinator, in the one database where the nodes know each other. */
  readonly url: string;
  readonly via: "CITUS_URL" | "cluster.sh";
  /** Takes a worker away, as a crash does. Only of a cluster of our own. */
  stopWorker(number: 1 | 2): Promise<void>;
  startWorker(number: 1 | 2): Promise<void>;
  /** Ends what was started here and deletes its data; a cluster that was given goes on. */
  stop(): Promise<void>;
}

/** The first start installs Postgres 15 and builds the extension. */
const START_TIMEOUT_MS = 15 * 60_000;

const PORTS_FIRST = 16_000;
/** What the script looks at to tell whether it has built the extension on this machine. */
const BUILT = "/usr/share/postgresql/15/extension/citus.control";

const script = (): string => join(repositoryRoot(), "..", "shared", "citus", "cluster.sh");

/** Tells why no Citus cluster is to be had on this machine, if so. */
export function whyNoCitus(): string | undefined {
  if (process.env["CITUS_URL"]) return undefined;
  if (!existsSync(script()))
    return "CITUS_URL is not set, and ../shared/citus/cluster.sh is not beside the checkout";
  if (process.getuid?.() !== 0 || !existsSync("/etc/debian_version")) {
    return "CITUS_URL is not set, and ../shared/citus/cluster.sh needs root on Debian";
  }
  return undefined;
}

/** Returns a real Citus cluster: the one `CITUS_URL` names, else one of our own from `../shared/citus/cluster.sh`. */
export async function startCitus(onProgress: Progress = quiet): Promise<CitusCluster> {
  const given = process.env["CITUS_URL"];
  if (given) {
    const notOurs = () => Promise.reject(new Error("The cluster at CITUS_URL is not ours to break."));
    return {
      url: given,
      via: "CITUS_URL",
      stopWorker: notOurs,
      startWorker: notOurs,
      stop: async () => undefined,
    };
  }
  return timed(onProgress, "Starting a Citus cluster (the first time, building it takes minutes)", startOwn);
}

async function startOwn(): Promise<CitusCluster> {
  const port = await freePortsInARow();
  // Postgres's own user must reach its data there.
  const directory = temporaryDirectory("citus", { isPublic: true });
  const [data, logFile] = [join(directory.path, "cluster"), emptyLog(directory.path, "cluster.log")];
  const env = { ...process.env, CITUS_PORT: String(port) };
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const runScript = (...args: string[]): Promise<void> =>
    runToEnd({ command: script(), args: [...args, data], logFile, env });
  // The script leaves its servers behind as daemons. This one stays for them: whatever ends this program ends it, and it
  // ends them. It waits for `sleep`, as a shell hears no signal while it waits for a command in front.
  const startKeeper = (niceness = 0): Promise<Child> =>
    startChild({
      command: "bash",
      args: [
        "-c",
        `trap '"$0" stop "$1"; rm -f "$1.up"' EXIT; trap 'exit 0' TERM; "$0" start "$1" && touch "$1.up" && sleep infinity & wait`,
        script(),
        data,
      ],
      logFile,
      env,
      niceness,
      stopTimeoutMs: 60_000,
    });
  let keeper: Child | undefined;
  const stop = async (): Promise<void> => {
    await keeper?.stop();
    await directory.remove();
  };
  try {
    if (!existsSync(BUILT)) {
      // Other tests go on meanwhile, and go first.
      keeper = await startKeeper(10);
      await isUp(keeper, `${data}.up`, logFile);
      await keeper.stop();
    }
    keeper = await startKeeper();
    await isUp(keeper, `${data}.up`, logFile);
    await Promise.all([0, 1, 2].map((node) => hurry(port + node)));
    return {
      url,
      via: "cluster.sh",
      stopWorker: (number) => runScript("worker", String(number), "stop"),
      async startWorker(number) {
        await runScript("worker", String(number), "start");
        await areNodesBack(url);
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function isUp(keeper: Child, mark: string, logFile: string): Promise<void> {
  const isReady = async (): Promise<boolean> => {
    if (existsSync(mark)) return true;
    if (keeper.exit() === undefined) return false;
    throw new Error(`cluster.sh start ended early. Its last words:\n${await lastLines(logFile)}`);
  };
  await waitUntil("The start of the Citus cluster", isReady, {
    timeoutMs: START_TIMEOUT_MS,
    intervalMs: 100,
  });
}

/** A crash of Postgres loses nothing so, a crash of the machine everything, as {@link FAST_SETTINGS} say. */
async function hurry(port: number): Promise<void> {
  const client = new Client({ connectionString: `postgres://postgres@127.0.0.1:${port}/postgres` });
  await client.connect();
  try {
    for (const [name, value] of Object.entries(FAST_SETTINGS))
      await client.query(`ALTER SYSTEM SET ${name} = ${value}`);
    await client.query("SELECT pg_reload_conf()");
  } finally {
    await client.end();
  }
}

async function areNodesBack(url: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const answers = async (): Promise<boolean | undefined> => {
      const { rows } = await client.query<{ success: boolean }>(
        "SELECT bool_and(success) AS success FROM run_command_on_workers('SELECT 1')",
      );
      return rows[0]?.success;
    };
    await waitUntil("The worker's return", answers, { timeoutMs: 60_000 });
  } finally {
    await client.end();
  }
}

/** Beside those that `freePorts` gives to everybody else: seconds pass until each of these is listened on. */
async function freePortsInARow(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const first = PORTS_FIRST + 4 * Math.floor(Math.random() * 1_000);
    const areFree = await Promise.all([0, 1, 2].map((node) => isFree(first + node)));
    if (areFree.every(Boolean)) return first;
  }
  throw new Error(`No three free ports in a row were found from ${PORTS_FIRST} to ${PORTS_FIRST + 3_999}.`);
}
