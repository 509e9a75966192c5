import { type ClientBase } from "pg";
import type { SourceAdvance, SourcePartition, WritePart } from "../span/write-part.ts";

/** Parts of one batch that the source's stored offset let through, and the others' advances. */
export interface Fenced {
  readonly passed: readonly WritePart[];
  readonly fenced: readonly SourceAdvance[];
}

/** A source partition of one life, as a map's key. */
export function sourceKey(at: SourcePartition): string {
  return `${at.clusterId}\0${at.topic}\0${at.partition}\0${at.incarnation}`;
}

/** Several steps of one partition as one, with the parts that follow each other without a hole. */
interface Chain {
  readonly first: SourceAdvance;
  to: bigint;
  readonly parts: WritePart[];
}

// Locked in one order: two owners meet on several partitions while these change hands, and would wait for each other.
const MOVE_ON = `
  WITH a AS MATERIALIZED (
    SELECT o.cluster_id, o.topic, o.partition, o.incarnation, u.upto
    FROM unnest($1::text[], $2::text[], $3::int[], $4::int[], $5::bigint[], $6::bigint[])
      AS u (cluster_id, topic, partition, incarnation, since, upto)
    JOIN trail_private.source_offsets o USING (cluster_id, topic, partition, incarnation)
    WHERE o.next_offset = u.since
    ORDER BY o.cluster_id, o.topic, o.partition, o.incarnation
    FOR UPDATE OF o
  )
  UPDATE trail_private.source_offsets AS s SET next_offset = a.upto, updated_at = now()
  FROM a
  WHERE s.cluster_id = a.cluster_id AND s.topic = a.topic AND s.partition = a.partition AND s.incarnation = a.incarnation
  RETURNING s.cluster_id AS "clusterId", s.topic, s.partition, s.incarnation`;

/**
 * Moves the sources' offsets on, in the caller's transaction, each only from where its part began.
 *
 * The rows stay locked until the commit: another owner of the same partition waits, and then finds itself fenced.
 */
export async function moveSourcesOn(client: ClientBase, parts: readonly WritePart[]): Promise<Fenced> {
  const { chains, broken } = chainsOf(parts);
  if (chains.length === 0) return { passed: parts, fenced: [] };
  const { rows } = await client.query<SourcePartition>(MOVE_ON, [
    chains.map((it) => it.first.clusterId),
    chains.map((it) => it.first.topic),
    chains.map((it) => it.first.partition),
    chains.map((it) => it.first.incarnation),
    chains.map((it) => String(it.first.from)),
    chains.map((it) => String(it.to)),
  ]);
  const moved = new Set(rows.map(sourceKey));
  const isOut = (part: WritePart): boolean =>
    part.advance !== null && (broken.has(part) || !moved.has(sourceKey(part.advance)));
  return {
    passed: parts.filter((part) => !isOut(part)),
    fenced: parts.filter(isOut).flatMap(({ advance }) => advance ?? []),
  };
}

function chainsOf(parts: readonly WritePart[]): { chains: Chain[]; broken: Set<WritePart> } {
  const chains = new Map<string, Chain>();
  const broken = new Set<WritePart>();
  for (const part of parts) {
    if (part.advance === null) continue;
    const key = sourceKey(part.advance);
    const chain = chains.get(key);
    if (chain === undefined) chains.set(key, { first: part.advance, to: part.advance.to, parts: [part] });
    else if (chain.to !== part.advance.from) broken.add(part);
    else {
      chain.to = part.advance.to;
      chain.parts.push(part);
    }
  }
  return { chains: [...chains.values()], broken };
}

/**
 * After a COMMIT whose answer never came: leaves out the parts whose source already stands at or beyond their end.
 * The offset moves only together with the rows, so those are stored, by us or by a later owner.
 */
export async function withoutSettled(
  client: ClientBase,
  parts: readonly WritePart[],
): Promise<{ parts: readonly WritePart[]; settled: readonly WritePart[] }> {
  const advances = parts.flatMap(({ advance }) => advance ?? []);
  if (advances.length === 0) return { parts, settled: [] };
  const { rows } = await client.query<SourcePartition & { next: string }>(
    `SELECT cluster_id AS "clusterId", topic, partition, incarnation, next_offset AS next
     FROM trail_private.source_offsets
     WHERE cluster_id = ANY ($1::text[]) AND topic = ANY ($2::text[])`,
    [advances.map((it) => it.clusterId), advances.map((it) => it.topic)],
  );
  const next = new Map(rows.map((row) => [sourceKey(row), BigInt(row.next)]));
  const isSettled = ({ advance }: WritePart): boolean =>
    advance !== null && (next.get(sourceKey(advance)) ?? -1n) >= advance.to;
  return { parts: parts.filter((part) => !isSettled(part)), settled: parts.filter(isSettled) };
}
