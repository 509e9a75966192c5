import { ROOT_CONTEXT, SpanKind } from "@opentelemetry/api";
import { OPERATION_NAME, TRAIL, type Tracing } from "../trace-context/index.ts";
import { spellRuns } from "./offset-ranges.ts";
import type { PartitionTrack } from "./partition-track.ts";
import type { Attributes } from "@opentelemetry/api";

/** What a session needs of its consumer. */
interface SessionSource {
  readonly tracing: Tracing;
  tracks(): Iterable<PartitionTrack>;
  attributes(operationName: string): Attributes;
}

/**
 * The time between assignment and revocation. Its span tells the positions that the consumer was handed, and those that
 * it jumped over by seek or reset: the only positive evidence that a message was skipped.
 */
export class Session {
  readonly #source: SessionSource;
  /** Milliseconds since 1970; `undefined` while nothing is assigned. */
  #startedAtMs: number | undefined;

  constructor(source: SessionSource) {
    this.#source = source;
  }

  /** Begins a session, and ends the one before it where no event did. */
  begin(): void {
    this.end();
    this.#startedAtMs = Date.now();
    for (const track of this.#source.tracks()) track.beginSession();
  }

  /** Tells what there is so far: a session may last for weeks, and a jump should be known today. */
  tell(): void {
    this.#startSpan(this.#startedAtMs ?? Date.now());
  }

  end(): void {
    if (this.#startedAtMs === undefined) return;
    this.#startSpan(this.#startedAtMs);
    this.#startedAtMs = undefined;
  }

  #startSpan(startTime: number): void {
    const { tracing } = this.#source;
    const attributes = this.#source.attributes(OPERATION_NAME.session);
    const held: string[] = [];
    const skipped: string[] = [];
    const topics = new Set<string>();
    for (const track of this.#source.tracks()) {
      held.push(...spellRuns(track.topic, track.partition, track.held));
      skipped.push(...spellRuns(track.topic, track.partition, track.skipped));
      if (track.held.length > 0) topics.add(track.topic);
      // Told once; the next span begins where this one ends.
      track.held.length = 0;
      track.skipped.length = 0;
    }
    if (held.length > 0) attributes[TRAIL.offsets] = held;
    if (skipped.length > 0) attributes[TRAIL.offsetsSkipped] = skipped;
    const [topic] = topics;
    const isOneTopic = topics.size === 1 && topic !== undefined;
    if (isOneTopic) for (const names of tracing.names) attributes[names.destinationName] = topic;
    const name = isOneTopic ? `session ${topic}` : "session";
    tracing.tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes, startTime }, ROOT_CONTEXT).end();
  }
}
