import { type ClientBase } from "pg";

/** Tells whether spans are spread over a Citus cluster. */
export async function isDistributed(client: ClientBase): Promise<boolean> {
  const { rows } = await client.query<{ is_distributed: boolean }>(
    "SELECT to_regclass('pg_catalog.pg_dist_partition') IS NOT NULL AS is_distributed",
  );
  if (!rows[0]?.is_distributed) return false;
  const { rowCount } = await client.query(
    "SELECT FROM pg_dist_partition WHERE logicalrelid = 'trail_private.spans'::regclass",
  );
  return rowCount !== 0;
}
