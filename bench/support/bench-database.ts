import { randomBytes } from "node:crypto";
import { Client } from "pg";
import { startPostgres, STORE_SETTINGS } from "../../dev/postgres.ts";
import { migrate } from "../../trace-store/schema/migrate.ts";

/** A database for one bench. */
export interface BenchDatabase {
  readonly url: string;
  readonly client: Client;
  drop(): Promise<void>;
}

/**
 * Makes a database with our schema on the Postgres of `DATABASE_URL`, or on one of our own with fsync on.
 *
 * `keptName`: one that stays when it is dropped, and is found again by the next run. Only where Postgres stays, too.
 * `settings`: of our own Postgres, beside those of a store.
 */
export async function benchDatabase(
  progress: (line: string) => void,
  keptName?: string,
  settings: Readonly<Record<string, string>> = {},
): Promise<BenchDatabase> {
  const postgres = await startPostgres({
    settings: { ...STORE_SETTINGS, ...settings },
    onProgress: progress,
  });
  const name = `kafka_trail_bench_${keptName ?? randomBytes(4).toString("hex")}`;
  const admin = new Client({ connectionString: postgres.url });
  await admin.connect();
  const { rowCount } = await admin.query("SELECT FROM pg_database WHERE datname = $1", [name]);
  if (rowCount === 0) await admin.query(`CREATE DATABASE ${name}`);
  const url = new URL(postgres.url);
  url.pathname = `/${name}`;
  await migrate(url.href);
  const client = new Client({ connectionString: url.href });
  await client.connect();
  return {
    url: url.href,
    client,
    async drop() {
      await client.end();
      if (keptName === undefined) await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      await admin.end();
      await postgres.stop();
    },
  };
}

/**
 * Reads all of the store into Postgres's buffers, as a day that is asked about lies there: a machine may take away what files
 * it has in memory within seconds, and a question then waits for its disk. Returns MiB read, 0 where pg_prewarm is missing.
 */
export async function prewarm({ client }: BenchDatabase): Promise<number> {
  const { rowCount } = await client.query("SELECT FROM pg_available_extensions WHERE name = 'pg_prewarm'");
  if (rowCount === 0) return 0;
  await client.query("CREATE EXTENSION IF NOT EXISTS pg_prewarm");
  const { rows } = await client.query<{ mib: number }>(
    `SELECT coalesce(sum(pg_prewarm(oid)), 0)::int / 128 AS mib FROM pg_class
     WHERE relnamespace = 'trail_private'::regnamespace AND relkind IN ('r', 'i')`,
  );
  return rows[0]?.mib ?? 0;
}

/** The middle one. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? 0;
}

/** The value below which a share of the values lies. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
