import { type Client } from "pg";
import { type SpanRow } from "../span/span-row.ts";
import type { WritePart } from "../span/write-part.ts";
import { namesOf } from "./batch-names.ts";
import { quarantineOfRow, withoutRows } from "./poison-row.ts";
import { groupOf } from "./span-group.ts";
import { copyRanges, copySpans, type SpanEncoding, type SpanTables } from "./span-tables.ts";
import { isRowPoison } from "./sqlstate.ts";

const TRIAL: SpanTables = { spans: "trial_spans", links: "trial_span_links", ranges: "trial_offset_ranges" };

/**
 * Finds the rows that Postgres refuses by halving, on temporary tables, and moves them into their parts' quarantine.
 *
 * One such row among 1,000 takes 21 statements, a hundred take 847 (measured): what ingest sanitises never comes here.
 */
export async function withoutPoison(
  client: Client,
  encoding: SpanEncoding,
  parts: readonly WritePart[],
): Promise<readonly WritePart[]> {
  const poison = new Map<SpanRow, string>();
  await encoding.names.lookUp(client, namesOf(parts));
  await client.query("BEGIN");
  try {
    await client.query(`
      CREATE TEMPORARY TABLE ${TRIAL.spans} (LIKE trail_private.spans INCLUDING CONSTRAINTS) ON COMMIT DROP;
      CREATE TEMPORARY TABLE ${TRIAL.ranges} (LIKE trail_private.offset_ranges INCLUDING CONSTRAINTS) ON COMMIT DROP`);
    await halve(
      client,
      encoding,
      parts.flatMap((part) => part.rows),
      poison,
    );
  } finally {
    await client.query("ROLLBACK");
  }
  return parts.map((part) => ({
    ...withoutRows(part, (row) => poison.has(row)),
    quarantined: [
      ...part.quarantined,
      ...part.rows.flatMap((row) => {
        const said = poison.get(row);
        return said === undefined ? [] : quarantineOfRow(part, row, said);
      }),
    ],
  }));
}

async function halve(
  client: Client,
  encoding: SpanEncoding,
  rows: readonly SpanRow[],
  poison: Map<SpanRow, string>,
): Promise<void> {
  if (rows.length === 0) return;
  await client.query("SAVEPOINT trial");
  try {
    await copySpans(client, encoding, TRIAL, rows);
    await copyRanges(client, encoding, TRIAL, groupOf(rows).ranges, false);
    await client.query("RELEASE trial");
  } catch (fault) {
    if (!isRowPoison(fault)) throw fault;
    await client.query("ROLLBACK TO trial");
    const [first, second] = rows;
    if (first !== undefined && second === undefined) {
      poison.set(first, fault instanceof Error ? fault.message : String(fault));
      return;
    }
    const middle = rows.length >> 1;
    await halve(client, encoding, rows.slice(0, middle), poison);
    await halve(client, encoding, rows.slice(middle), poison);
  }
}
