import { Client } from "pg";
import { DEAD_LETTERS, ORDERS, TOPICS } from "./orders.ts";
import type { Deed } from "./tally.ts";

/** One line of the comparison: what a service says it did, and what the store says. */
export interface Comparison {
  readonly service: string;
  readonly did: string;
  readonly counted: number;
  readonly stored: number;
  readonly isEqual: boolean;
}

interface StoredHop {
  readonly service: string;
  readonly operation: string;
  readonly status: string;
  readonly topic: string;
  readonly msg_at: string;
}

const COMPARED = ["checkout", "billing", "inventory", "email", "legacy"];

/** Compares message by message, not only the sums: two wrongs must not make a right. */
export function compare(
  deeds: readonly Deed[],
  hops: readonly StoredHop[],
  places: ReadonlyMap<string, string>,
): Comparison[] {
  const counted = gather(
    deeds.filter((deed) => COMPARED.includes(deed.service)),
    (deed) => [
      deed.service,
      sentence(deed.did, deed.topic),
      places.get(`${deed.topic} ${deed.key}`) ?? `${deed.key} is in no topic`,
    ],
  );
  const stored = gather(hops, (hop) => [hop.service, sentence(deedOf(hop), hop.topic), hop.msg_at]);
  const lines = [...new Set([...counted.keys(), ...stored.keys()])].toSorted(
    (a, b) =>
      COMPARED.indexOf(a.split(" ")[0] ?? "") - COMPARED.indexOf(b.split(" ")[0] ?? "") || a.localeCompare(b),
  );
  return lines.map((line) => {
    const [ours, theirs] = [counted.get(line) ?? [], stored.get(line) ?? []];
    const [service = "", ...did] = line.split(" ");
    return {
      service,
      did: did.join(" "),
      counted: ours.length,
      stored: theirs.length,
      isEqual: isSame(ours, theirs),
    };
  });
}

function deedOf(hop: StoredHop): Deed["did"] {
  if (hop.operation === "process") return hop.status === "error" ? "failed" : "processed";
  return hop.topic === DEAD_LETTERS ? "forwarded" : "produced";
}

function sentence(did: Deed["did"], topic: string): string {
  const preposition = { produced: "to", processed: "from", failed: "from", forwarded: "to" }[did];
  return `${did} ${preposition} ${topic}`;
}

function gather<T>(
  items: readonly T[],
  describe: (item: T) => readonly [string, string, string],
): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const item of items) {
    const [service, did, place] = describe(item);
    const line = lines.get(`${service} ${did}`) ?? [];
    lines.set(`${service} ${did}`, line);
    line.push(place);
  }
  return lines;
}

function isSame(ours: string[], theirs: string[]): boolean {
  const sorted = theirs.toSorted();
  return ours.length === theirs.length && ours.toSorted().every((place, i) => place === sorted[i]);
}

/**
 * Asks the store, by SQL, for every send and every processing of the shop's messages. Nobody traces legacy: what it has
 * processed is what the store says it has passed, by its committed offsets.
 */
export async function askStore(databaseUrl: string): Promise<StoredHop[]> {
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows } = await client.query<StoredHop>(
      `SELECT service, operation, status, topic, topic || '/' || partition || '/' || message_offset AS msg_at
         FROM trail.hops
        WHERE topic = ANY($1) AND operation IN ('send', 'create', 'process')`,
      [TOPICS],
    );
    const { rows: passed } = await client.query<StoredHop>(
      `SELECT 'legacy' AS service, 'process' AS operation, 'ok' AS status, m.topic,
              m.topic || '/' || m.partition || '/' || m.message_offset AS msg_at
         FROM (SELECT DISTINCT topic, partition, message_offset FROM trail.hops WHERE topic = $1 AND message_offset IS NOT NULL) m
        CROSS JOIN LATERAL trail.verdicts(m.topic, m.partition, m.message_offset, settle => '0 s') v
        WHERE v.consumer_group = 'legacy' AND v.verdict = 'PASSED_UNTRACED'`,
      [ORDERS],
    );
    return [...rows, ...passed];
  } finally {
    await client.end();
  }
}
