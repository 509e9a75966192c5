import { Client, Pool } from "pg";
import { migrate } from "../../trace-store/schema/migrate.ts";
import type { DatabaseMaker, TestDatabase } from "./database.ts";

/** Few: every slice of every table has as many tables on the workers. */
const SHARDS = 4;

/**
 * Makes the test databases of a Citus cluster, one after another: its nodes know each other in one database only, so each
 * is that one with our schemas dropped before and after.
 */
export async function citusDatabases(url: string): Promise<DatabaseMaker> {
  await refuseForeignSchemas(url);
  const shardedUrl = new URL(url);
  shardedUrl.searchParams.set("options", `-c citus.shard_count=${SHARDS}`);
  const empty = async (): Promise<TestDatabase> => {
    await dropSchemas(url);
    const pool = new Pool({ connectionString: shardedUrl.href, max: 4 });
    pool.on("error", () => undefined);
    return {
      url: shardedUrl.href,
      pool,
      async drop() {
        await pool.end();
        await dropSchemas(url);
      },
    };
  };
  return {
    empty,
    async migrated() {
      const database = await empty();
      await migrate(database.url, { citus: true });
      return database;
    },
  };
}

/** Somebody's spans may be there: the tests drop only what they made. */
async function refuseForeignSchemas(url: string): Promise<void> {
  await withAdmin(url, async (admin) => {
    const { rowCount } = await admin.query(
      "SELECT FROM pg_namespace WHERE nspname IN ('trail', 'trail_private')",
    );
    if (rowCount === 0) return;
    throw new Error(
      "The database at CITUS_URL holds the schemas trail or trail_private already. The tests would drop them: drop them yourself if nobody needs them, or name another cluster.",
    );
  });
}

async function dropSchemas(url: string): Promise<void> {
  await withAdmin(url, async (admin) => {
    // Somebody who still holds a table is a test that left a client open: it is told, not waited for.
    await admin.query("SET lock_timeout = '20s'");
    await admin.query("DROP SCHEMA IF EXISTS trail CASCADE; DROP SCHEMA IF EXISTS trail_private CASCADE");
  });
}

async function withAdmin<T>(url: string, work: (admin: Client) => Promise<T>): Promise<T> {
  const admin = new Client({ connectionString: url });
  await admin.connect();
  try {
    await admin.query("SET client_min_messages = 'warning'");
    return await work(admin);
  } finally {
    await admin.end();
  }
}
