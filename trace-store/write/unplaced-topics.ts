import { type ClientBase } from "pg";
import type { SpanRow } from "../span/span-row.ts";
import { Operation } from "../span/vocabulary.ts";
import { type Dictionary } from "./dictionary.ts";

const KIND_CONSUMER = 5;

/** Tells a handling that leads to a sender and tells no offset. kafka-trail's own spans tell theirs in ranges. */
export function isUnplaced(row: SpanRow): boolean {
  if (row.messageOffset !== null || row.kind !== KIND_CONSUMER || row.topic === null) return false;
  if (row.operation !== Operation.process && row.operation !== Operation.receive) return false;
  return row.ranges.length === 0 && (row.parentSpanId !== null || row.links.length > 0);
}

/**
 * Topics of which somebody's spans tell of handlings without an offset. For these alone a question also looks for such
 * spans.
 *
 * Kept in short transactions before the spans are: a write that then fails leaves a topic that is looked at for nothing, and
 * no span is ever there without its topic. So writers need not know of each other.
 */
export class UnplacedTopics {
  readonly #topics: Dictionary;
  readonly #kept = new Set<number>();

  constructor(topics: Dictionary) {
    this.#topics = topics;
  }

  /** Keeps topics, by cluster. They must have their ids, and the client must not be in a transaction. */
  async keep(client: ClientBase, topics: ReadonlyMap<string, ReadonlySet<string>>): Promise<void> {
    if (topics.size === 0) return;
    const ids = [...topics].flatMap(([cluster, names]) =>
      [...names].map((name) => this.#topics.idOf(name, cluster)),
    );
    const fresh = ids.filter((id) => id !== 0 && !this.#kept.has(id));
    if (fresh.length === 0) return;
    await client.query(
      "INSERT INTO trail_private.unplaced_topics (topic_id) SELECT id FROM unnest($1::int[]) AS id ORDER BY id ON CONFLICT DO NOTHING",
      [fresh],
    );
    for (const id of fresh) this.#kept.add(id);
  }

  forget(): void {
    this.#kept.clear();
  }
}
