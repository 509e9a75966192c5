import { type ClientBase } from "pg";
import { TrailError } from "../errors.ts";
import { withClient } from "../postgres-client.ts";
import { askWorkersInTurn, distribute, isDistributed, refuseWithoutCluster } from "./citus.ts";
import { applyFunctions, dropFunctions } from "./functions-runner.ts";
import { checksumOf, functionsFor, readSchemaFiles, type SchemaFiles, type SqlFile } from "./sql-files.ts";

/** What {@link migrate} found and did. */
export interface Migrated {
  /** Names of the files applied now, in order; `functions` stands for all views and functions together. */
  readonly applied: readonly string[];
  /** Names of the tables spread over the Citus cluster now. */
  readonly distributed: readonly string[];
  /** Number of the newest migration in the database, as in its file name. */
  readonly version: string;
}

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** Default: the files of the installed package. */
  readonly files?: SchemaFiles;
  /**
   * Spreads spans and links over the workers of the Citus cluster that the database coordinates. Default: only what a
   * database that is spread already lacks. Nothing here gathers them again.
   */
  readonly citus?: boolean;
}

const BREAKING = "--! breaking";
// One number for every build there will ever be: it keeps two migrations of one database apart.
const LOCK = "7236271945";

const numberOf = (name: string): string => name.slice(0, 4);

/**
 * Brings a database to this build's schema: numbered migrations, then views and functions, in one transaction.
 *
 * Any number of processes may call it at once; one works, the others wait and find nothing to do.
 * A database that is further on is left as it is, unless one of its migrations is marked breaking.
 *
 * @throws TrailError `TRAIL_SCHEMA_NEWER` in that case, with nothing changed; `TRAIL_CONFIG` when it is to be spread over
 * a Citus cluster and is none, or has no workers.
 */
export async function migrate(
  database: string | ClientBase,
  { files = readSchemaFiles(), citus = false }: MigrateOptions = {},
): Promise<Migrated> {
  if (typeof database !== "string") return migrateWith(database, { files, citus });
  return withClient(database, "kafka-trail migrate", (client) => migrateWith(client, { files, citus }));
}

async function migrateWith(client: ClientBase, wanted: Required<MigrateOptions>): Promise<Migrated> {
  if (wanted.citus) await refuseWithoutCluster(client);
  try {
    return await inTransaction(client, () => applyAll(client, wanted, false));
  } catch (fault) {
    if (fault instanceof TrailError && fault.code === "TRAIL_SCHEMA_NEWER") throw fault;
    // CREATE OR REPLACE cannot change what a view or function returns, and a view holds on to its columns' types.
    return inTransaction(client, () => applyAll(client, wanted, true));
  }
}

async function inTransaction<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    // Of the transaction, not of the session: it also holds through a pooler that hands out connections per transaction.
    await client.query(`SELECT pg_advisory_xact_lock(${LOCK})`);
    await askWorkersInTurn(client);
    const done = await work();
    await client.query("COMMIT");
    return done;
  } catch (fault) {
    // A connection that died cannot roll back, and has.
    await client.query("ROLLBACK").catch(() => undefined);
    throw fault;
  }
}

async function applyAll(
  client: ClientBase,
  { files, citus }: Required<MigrateOptions>,
  fromScratch: boolean,
): Promise<Migrated> {
  await prepareBookkeeping(client);
  const known = await appliedMigrations(client);
  const ours = new Set(files.migrations.map(({ name }) => name));
  const beyond = known.filter(({ name }) => !ours.has(name));
  refuseBreaking(beyond, files);

  const missing = files.migrations.filter(({ name }) => !known.some((it) => it.name === name));
  const isSpread = citus || (await isDistributed(client));
  const published = { ...files, functions: functionsFor(files, isSpread) };
  const isFunctionsDue =
    missing.length > 0 || (beyond.length === 0 && (await areFunctionsOlder(client, published)));
  if (isFunctionsDue && fromScratch) await dropFunctions(client);
  for (const file of missing) await applyMigration(client, file);
  // Before the views and functions: what comes to the workers with them must find the tables there.
  const distributed = isSpread ? await distribute(client) : [];
  if (isFunctionsDue) await publish(client, published);
  const newest =
    [...known, ...files.migrations]
      .map(({ name }) => name)
      .toSorted()
      .at(-1) ?? "0000";
  return {
    applied: [...missing.map(({ name }) => name), ...(isFunctionsDue ? ["functions"] : [])],
    distributed,
    version: numberOf(newest),
  };
}

async function publish(client: ClientBase, files: SchemaFiles): Promise<void> {
  await applyFunctions(client, files.functions);
  await client.query(files.roles.text);
  await client.query(
    `INSERT INTO trail_private.published (checksum, version) VALUES ($1, $2)
     ON CONFLICT (only_row) DO UPDATE SET checksum = EXCLUDED.checksum, version = EXCLUDED.version, applied_at = now()`,
    [checksumOfPublished(files), files.version],
  );
}

async function prepareBookkeeping(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ found: boolean }>(
    "SELECT to_regclass('trail_private.published') IS NOT NULL AS found",
  );
  if (rows[0]?.found) return;
  await client.query(`
    CREATE SCHEMA trail_private;
    -- One row is one numbered file that was applied.
    CREATE TABLE trail_private.migrations (
      name        text PRIMARY KEY,
      is_breaking boolean NOT NULL,
      applied_at  timestamptz NOT NULL DEFAULT now()
    );
    -- The one row says which views and functions are in schema trail.
    CREATE TABLE trail_private.published (
      only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
      checksum   text NOT NULL,
      version    text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT now()
    )`);
}

interface AppliedMigration {
  readonly name: string;
  readonly is_breaking: boolean;
}

async function appliedMigrations(client: ClientBase): Promise<AppliedMigration[]> {
  const { rows } = await client.query<AppliedMigration>(
    "SELECT name, is_breaking FROM trail_private.migrations ORDER BY name",
  );
  return rows;
}

function refuseBreaking(beyond: readonly AppliedMigration[], files: SchemaFiles): void {
  if (!beyond.some((it) => it.is_breaking)) return;
  const theirs = numberOf(beyond.at(-1)?.name ?? "");
  const ours = numberOf(files.migrations.at(-1)?.name ?? "0000");
  throw new TrailError(
    "TRAIL_SCHEMA_NEWER",
    `Database schema is at ${theirs}; this build knows up to ${ours}. Upgrade kafka-trail, or point DATABASE_URL at another database.`,
  );
}

async function applyMigration(client: ClientBase, file: SqlFile): Promise<void> {
  try {
    await client.query(file.text);
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    throw new TrailError("TRAIL_DATABASE", `schema/migrations/${file.name}.sql was refused: ${said}.`, {
      cause,
    });
  }
  await client.query("INSERT INTO trail_private.migrations (name, is_breaking) VALUES ($1, $2)", [
    file.name,
    file.text.startsWith(BREAKING),
  ]);
}

const checksumOfPublished = (files: SchemaFiles): string => checksumOf([...files.functions, files.roles]);

/** True unless the database already has these views and functions, or those of a newer build. */
async function areFunctionsOlder(client: ClientBase, files: SchemaFiles): Promise<boolean> {
  const { rows } = await client.query<{ checksum: string; version: string }>(
    "SELECT checksum, version FROM trail_private.published",
  );
  const [found] = rows;
  if (!found) return true;
  if (found.checksum === checksumOfPublished(files)) return false;
  return !isNewer(found.version, files.version);
}

function isNewer(version: string, than: string): boolean {
  return version.localeCompare(than, "en", { numeric: true }) > 0;
}
