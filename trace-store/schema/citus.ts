import { type ClientBase } from "pg";
import { TrailError } from "../errors.ts";

/**
 * Spread over the workers by trace id, all colocated, so that whatever a question joins within a trace meets on one
 * worker. The odd times too: a view that lays them beside the slices can only be asked there when both lie there.
 */
const BY_TRACE = [
  "spans",
  "span_links",
  "offset_ranges",
  "odd_time_spans",
  "odd_time_span_links",
  "odd_time_offset_ranges",
  "odd_time_arrivals",
] as const;
/** Whole on every worker: names for ids. Every other table is the coordinator's own. */
const EVERYWHERE = ["services", "span_names", "topics", "consumer_groups", "resources"] as const;

/** Tells whether spans are spread over a Citus cluster. */
export async function isDistributed(client: ClientBase): Promise<boolean> {
  return (await distributedTables(client)).has("spans");
}

/** Names of our tables that Citus spreads. */
async function distributedTables(client: ClientBase): Promise<ReadonlySet<string>> {
  // Asked apart: the names in a statement are looked up before any condition in it is.
  if (!(await hasCitus(client))) return new Set();
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname AS name FROM pg_dist_partition d JOIN pg_class c ON c.oid = d.logicalrelid
     JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'trail_private'`,
  );
  return new Set(rows.map(({ name }) => name));
}

async function hasCitus(client: ClientBase): Promise<boolean> {
  const { rowCount } = await client.query("SELECT FROM pg_extension WHERE extname = 'citus'");
  return rowCount === 1;
}

/**
 * Lets one transaction define tables and then what stands on them: by default each worker is asked over several
 * connections at once, which cannot see what another has not committed. Does nothing where there is no Citus.
 */
export async function askWorkersInTurn(client: ClientBase): Promise<void> {
  if (await hasCitus(client)) await client.query("SET LOCAL citus.multi_shard_modify_mode = 'sequential'");
}

/**
 * Makes sure that tables can be spread from here.
 *
 * @throws TrailError `TRAIL_CONFIG` that says what is missing: the extension, the coordinator, or a worker.
 */
export async function refuseWithoutCluster(client: ClientBase): Promise<void> {
  if (!(await hasCitus(client))) {
    throw new TrailError(
      "TRAIL_CONFIG",
      "The database at DATABASE_URL has no extension citus; expected the coordinator of a Citus cluster. Have a superuser run `CREATE EXTENSION citus` in this database on every node (shared_preload_libraries must name citus), or leave --citus out.",
    );
  }
  const { rows } = await client.query<{ is_coordinator: boolean; workers: number }>(`
    SELECT (SELECT groupid = 0 FROM pg_dist_local_group) AS is_coordinator,
           (SELECT count(*)::int FROM pg_dist_node WHERE isactive AND noderole = 'primary' AND shouldhaveshards) AS workers`);
  const [found] = rows;
  if (found?.is_coordinator === false) {
    throw new TrailError(
      "TRAIL_CONFIG",
      "The database at DATABASE_URL is a worker of a Citus cluster; tables are spread by its coordinator. Point DATABASE_URL there.",
    );
  }
  if (found?.workers === 0) {
    throw new TrailError(
      "TRAIL_CONFIG",
      "The Citus cluster at DATABASE_URL has no active worker that holds shards. Have a superuser run `SELECT citus_add_node('<host>', 5432)` on the coordinator for each worker.",
    );
  }
}

/**
 * Spreads the tables that are not spread yet, with the rows that are in them, and says which.
 *
 * To be called in the migration's transaction, after the tables are there. As many shards as the setting
 * `citus.shard_count` says, which is chosen once.
 */
export async function distribute(client: ClientBase): Promise<string[]> {
  const done = await distributedTables(client);
  const spread: string[] = [];
  for (const table of BY_TRACE) {
    if (done.has(table)) continue;
    // Alone, so that tables of other people's with as many shards are no part of it.
    const company = table === "spans" ? "none" : "trail_private.spans";
    await client.query(
      `SELECT create_distributed_table('trail_private.${table}', 'trace_id', colocate_with => '${company}')`,
    );
    spread.push(table);
  }
  for (const table of EVERYWHERE) {
    if (done.has(table)) continue;
    await client.query(`SELECT create_reference_table('trail_private.${table}')`);
    spread.push(table);
  }
  return spread;
}
