import { type ClientBase } from "pg";
import { TrailError } from "../errors.ts";
import { type SqlFile } from "./sql-files.ts";

/** Applies every file in order. They say CREATE OR REPLACE where they can, so that what people built on them stays. */
export async function applyFunctions(client: ClientBase, files: readonly SqlFile[]): Promise<void> {
  for (const { name, text } of files) {
    await client.query(text).catch((cause: unknown) => {
      const said = cause instanceof Error ? cause.message : String(cause);
      throw new TrailError("TRAIL_DATABASE", `schema/functions/${name}.sql was refused: ${said}.`, { cause });
    });
  }
  await dropUntouched(client);
}

/**
 * Drops what an earlier build published and this one does not: an overload left behind makes calls ambiguous.
 * CREATE OR REPLACE writes the catalogue row anew, so a row of another transaction is one that no file mentions.
 */
async function dropUntouched(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ drop: string }>(`
    SELECT format('DROP VIEW %I.%I', n.nspname, c.relname) AS drop
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('trail', 'trail_private') AND c.relkind = 'v' AND NOT EXISTS (
      SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid AND r.xmin = pg_current_xact_id()::xid)
    UNION ALL
    SELECT format('DROP ROUTINE %s', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('trail', 'trail_private') AND p.xmin <> pg_current_xact_id()::xid`);
  for (const { drop } of rows) await client.query(drop);
}

/** Drops every view, function and composite type that we published, to make room for others under the same names. */
export async function dropFunctions(client: ClientBase): Promise<void> {
  const { rows: found } = await client.query("SELECT FROM pg_namespace WHERE nspname = 'trail'");
  if (found.length === 0) return;
  await refuseForeignDependents(client);
  const { rows } = await client.query<{ drop: string }>(`
    SELECT format('DROP VIEW IF EXISTS %I.%I CASCADE', n.nspname, c.relname) AS drop
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('trail', 'trail_private') AND c.relkind = 'v'
    UNION ALL
    SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure)
    FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
    WHERE n.nspname IN ('trail', 'trail_private') AND p.prokind IN ('f', 'p', 'w')
    UNION ALL
    SELECT format('DROP TYPE IF EXISTS %I.%I CASCADE', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname IN ('trail', 'trail_private') AND c.relkind = 'c'`);
  for (const { drop } of rows) await client.query(drop);
}

/** CASCADE must never take away what other people made: it is named instead, and nothing is dropped. */
async function refuseForeignDependents(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ theirs: string; ours: string }>(`
    SELECT DISTINCT c.oid::regclass::text AS theirs, pg_describe_object(d.refclassid, d.refobjid, 0) AS ours
    FROM pg_depend d
    JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    JOIN pg_class c ON c.oid = r.ev_class
    WHERE c.relnamespace NOT IN ('trail'::regnamespace, 'trail_private'::regnamespace)
      AND ((d.refclassid = 'pg_class'::regclass AND EXISTS (
             SELECT FROM pg_class o WHERE o.oid = d.refobjid AND o.relnamespace = 'trail'::regnamespace))
        OR (d.refclassid = 'pg_proc'::regclass AND EXISTS (
             SELECT FROM pg_proc o WHERE o.oid = d.refobjid AND o.pronamespace = 'trail'::regnamespace)))`);
  if (rows.length === 0) return;
  const named = rows.map(({ theirs, ours }) => `${theirs} (on ${ours})`).join(", ");
  throw new TrailError(
    "TRAIL_DATABASE",
    `This build changes the form of what others built on: ${named}. Keep their definitions, drop them, migrate, and create them again.`,
  );
}
