import type { ClientBase } from "pg";

/** A SQL index of ours, and how it is made again. */
export interface TakenIndex {
  readonly index: string;
  readonly made: string;
}

/** Takes the SQL indexes of tables away; made again afterwards, all rows at once, they cost half the time. */
export async function takeIndexes(client: ClientBase, tables: readonly string[]): Promise<TakenIndex[]> {
  const { rows } = await client.query<TakenIndex>(
    `SELECT i.indexrelid::regclass::text AS index, replace(pg_get_indexdef(i.indexrelid), ' ON ONLY ', ' ON ') AS made
     FROM pg_index i WHERE i.indrelid = ANY (SELECT ('trail_private.' || t)::regclass FROM unnest($1::text[]) t)`,
    [tables],
  );
  for (const { index } of rows) await client.query(`DROP INDEX ${index}`);
  return rows;
}
