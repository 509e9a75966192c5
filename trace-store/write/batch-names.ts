import type { ResourceRow, SpanRow } from "../span/span-row.ts";
import { isUnplaced } from "./unplaced-topics.ts";

/** Names by the cluster that they are of. */
export type ClusteredNames = ReadonlyMap<string, ReadonlySet<string>>;

/**
 * The names that spans need ids for, each once.
 *
 * Gathered without Postgres, while it still works on the batch before: done between two batches, with a connection's memory
 * at hand, the same walk kept Postgres waiting for 6 ms of a write's 80 (5,000 spans, measured).
 */
export class BatchNames {
  readonly services = new Set<string>();
  readonly spanNames = new Set<string>();
  /** By their hash. */
  readonly resources = new Map<string, ResourceRow>();
  readonly #topics = new Map<string, Set<string>>();
  readonly #consumerGroups = new Map<string, Set<string>>();
  readonly #unplacedTopics = new Map<string, Set<string>>();
  #before: SpanRow | undefined;

  get topics(): ClusteredNames {
    return this.#topics;
  }

  get consumerGroups(): ClusteredNames {
    return this.#consumerGroups;
  }

  /** Topics of which one of the spans tells of a handling without an offset. */
  get unplacedTopics(): ClusteredNames {
    return this.#unplacedTopics;
  }

  add(row: SpanRow): void {
    const before = this.#before;
    this.#before = row;
    // Spans come by process: nearly all have their neighbour's service and resource.
    if (row.service !== before?.service) this.services.add(row.service);
    if (row.resource !== before?.resource) this.resources.set(row.resource.hash, row.resource);
    this.spanNames.add(row.name);
    if (row.topic !== null) note(this.#topics, row.cluster, row.topic);
    if (row.consumerGroup !== null) note(this.#consumerGroups, row.cluster, row.consumerGroup);
    if (isUnplaced(row)) note(this.#unplacedTopics, row.cluster, row.topic as string);
    for (const range of row.ranges) note(this.#topics, row.cluster, range.topic);
  }
}

function note(clusters: Map<string, Set<string>>, cluster: string, name: string): void {
  const names = clusters.get(cluster);
  if (names === undefined) clusters.set(cluster, new Set([name]));
  else names.add(name);
}

/** The names of all spans of `parts`. */
export function namesOf(parts: readonly { readonly rows: readonly SpanRow[] }[]): BatchNames {
  const names = new BatchNames();
  for (const { rows } of parts) for (const row of rows) names.add(row);
  return names;
}
