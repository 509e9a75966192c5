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
 */
export async function benchDatabase(
  progress: (line: string) => void,
  keptName?: string,
): Promise<BenchDatabase> {
  const postgres = await startPostgres({ settings: STORE_SETTINGS, onProgress: progress });
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
