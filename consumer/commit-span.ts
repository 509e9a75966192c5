import { context, SpanKind } from "@opentelemetry/api";
import type { Attributes, Span } from "@opentelemetry/api";
import { errorType, ERROR_TYPE, failSpan, metricAttributes } from "../trace-context/index.ts";
import { OPERATION_NAME, OPERATION_TYPE, TRAIL } from "../trace-context/index.ts";
import type { OffsetsByTopic, TopicPartitionOffset } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";

/** Flattens what `commitOffsetsIfNecessary` takes into what `commitOffsets` takes. */
export function flattenOffsets({ topics }: OffsetsByTopic): TopicPartitionOffset[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, offset }) => ({
      topic,
      partition: Number(partition),
      offset: String(offset),
    })),
  );
}

/** Says what a commit covers: from the commit before it, else from what the session was handed first. */
function committedRange(
  trail: ConsumerTrail,
  { topic, partition, offset }: TopicPartitionOffset,
): string | undefined {
  const last = Number(offset) - 1;
  if (!(last >= 0)) return undefined;
  const { committed, held } = trail.track(topic, partition);
  const known = committed >= 0 ? committed : held[0]?.[0];
  const first = known !== undefined && known <= last ? known : last;
  return `${topic}/${partition}/${first}-${last}`;
}

function startCommitSpan(trail: ConsumerTrail, offsets: readonly TopicPartitionOffset[]): Span {
  const attributes: Attributes = trail.attributes(OPERATION_NAME.commit);
  const [first] = offsets;
  const isOneTopic = first !== undefined && offsets.every(({ topic }) => topic === first.topic);
  for (const names of trail.tracing.names) {
    attributes[names.operationType] = OPERATION_TYPE.settle;
    if (isOneTopic) attributes[names.destinationName] = first.topic;
    if (offsets.length === 1) attributes[names.partitionId] = String(first?.partition);
  }
  attributes[TRAIL.offsets] = offsets
    .map((offset) => committedRange(trail, offset))
    .filter((range) => range !== undefined);
  const name = isOneTopic ? `commit ${first.topic}` : "commit";
  return trail.tracing.tracer.startSpan(name, { kind: SpanKind.CLIENT, attributes }, context.active());
}

/** A commit that the app asked for, while it is under way. Its ends never throw. */
class Commit {
  readonly #trail: ConsumerTrail;
  readonly #offsets: readonly TopicPartitionOffset[];
  readonly #span: Span;
  readonly #startedAtMs = performance.now();

  constructor(trail: ConsumerTrail, offsets: readonly TopicPartitionOffset[]) {
    this.#trail = trail;
    this.#offsets = offsets;
    this.#span = startCommitSpan(trail, offsets);
  }

  succeed(): void {
    this.#trail.guard.try(() => {
      for (const { topic, partition, offset } of this.#offsets) {
        this.#trail.track(topic, partition).committed = Number(offset);
      }
      this.#record({});
      this.#span.end();
    });
  }

  fail(error: unknown): void {
    this.#trail.guard.try(() => {
      this.#record({ [ERROR_TYPE]: errorType(error) });
      failSpan(this.#span, error);
      this.#span.end();
    });
  }

  #record(outcome: Attributes): void {
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    const topic = this.#offsets[0]?.topic;
    const attributes = metricAttributes(
      this.#trail.tracing,
      OPERATION_NAME.commit,
      topic,
      this.#trail.consumerGroup,
    );
    this.#trail.metrics.operationDuration.record(seconds, { ...attributes, ...outcome });
  }
}

/**
 * Calls a client's commit with a `commit` span around it. The client's own promise is returned, and watched on the side;
 * offsets that cannot be read are the client's to refuse.
 */
export function traceCommit<R>(
  trail: ConsumerTrail,
  read: () => readonly TopicPartitionOffset[] | undefined,
  call: () => R,
): R {
  const commit = trail.guard.try(() => {
    const offsets = read()?.filter(({ topic }) => !trail.tracing.excludes(topic));
    return offsets === undefined || offsets.length === 0 ? undefined : new Commit(trail, offsets);
  });
  if (commit === undefined) return call();
  let returned: R;
  try {
    returned = call();
  } catch (error) {
    commit.fail(error);
    throw error;
  }
  if (returned instanceof Promise) {
    returned.then(
      () => commit.succeed(),
      (error: unknown) => commit.fail(error),
    );
  } else {
    commit.succeed();
  }
  return returned;
}
