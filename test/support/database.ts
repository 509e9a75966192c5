import { randomBytes } from "node:crypto";
import { Client, Pool } from "pg";
import { migrate } from "../../trace-store/schema/migrate.ts";
import { checksumOf, readSchemaFiles } from "../../trace-store/schema/sql-files.ts";
import { databaseUrl } from "./services.ts";

/** A database of one test file's own. */
export interface TestDatabase {
  readonly url: string;
  readonly pool: Pool;
  /** Ends the pool, puts everybody else out, and drops the database. */
  drop(): Promise<void>;
}

/** Where test databases are made: the address of a plain server, or what makes them in its own way. */
export type TestServer = string | DatabaseMaker;

/** Makes test databases where a server's are not made by CREATE DATABASE. */
export interface DatabaseMaker {
  empty(): Promise<TestDatabase>;
  migrated(): Promise<TestDatabase>;
}

const LOCK = 7_236_271_946;

/** `server` with another database in its path. */
const urlOf = (server: string, database: string): string => {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
};

async function asAdmin<T>(server: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: server });
  await client.connect();
  try {
    // A template that is being cloned must not be dropped or entered by another test file.
    await client.query("SELECT pg_advisory_lock($1)", [LOCK]);
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Makes the template of these very SQL files, unless a run before has. Only a finished one is marked as a template. */
async function ensureTemplate(server: string, admin: Client, template: string): Promise<void> {
  const { rows } = await admin.query<{ datname: string; datistemplate: boolean }>(
    "SELECT datname, datistemplate FROM pg_database WHERE datname LIKE 'kafka\\_trail\\_template\\_%'",
  );
  if (rows.some((it) => it.datname === template && it.datistemplate)) return;
  for (const { datname } of rows) {
    await admin.query(`ALTER DATABASE ${datname} IS_TEMPLATE false`);
    await admin.query(`DROP DATABASE ${datname} WITH (FORCE)`);
  }
  await admin.query(`CREATE DATABASE ${template}`);
  await migrate(urlOf(server, template));
  await admin.query(`ALTER DATABASE ${template} IS_TEMPLATE true`);
}

/** Makes an empty database. */
export async function emptyDatabase(server: TestServer = databaseUrl()): Promise<TestDatabase> {
  if (typeof server !== "string") return server.empty();
  return createDatabase(server, async (admin, name) => {
    await admin.query(`CREATE DATABASE ${name}`);
  });
}

/** Makes a database with the schema in it and no slices, cloned from a template that is migrated once per schema. */
export async function migratedDatabase(server: TestServer = databaseUrl()): Promise<TestDatabase> {
  if (typeof server !== "string") return server.migrated();
  const files = readSchemaFiles();
  const checksum = checksumOf([...files.migrations, ...files.functions, files.roles]);
  const template = `kafka_trail_template_${checksum.slice(0, 16)}`;
  return createDatabase(server, async (admin, name) => {
    await ensureTemplate(server, admin, template);
    await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template}`);
  });
}

async function createDatabase(
  server: string,
  create: (admin: Client, name: string) => Promise<void>,
): Promise<TestDatabase> {
  const name = `kafka_trail_test_${randomBytes(6).toString("hex")}`;
  await asAdmin(server, (admin) => create(admin, name));
  const pool = new Pool({ connectionString: urlOf(server, name), max: 4 });
  // A test that kills backends kills the pool's idle ones too.
  pool.on("error", () => undefined);
  return {
    url: urlOf(server, name),
    pool,
    async drop() {
      await pool.end();
      await asAdmin(server, (admin) => admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`));
    },
  };
}
