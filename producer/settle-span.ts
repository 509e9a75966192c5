import { context, SpanKind } from "@opentelemetry/api";
import type { Attributes, Span } from "@opentelemetry/api";
import {
  consumerGroupOf,
  ERROR_TYPE,
  errorType,
  failSpan,
  metricAttributes,
  OPERATION_NAME,
  TRAIL,
} from "../trace-context/index.ts";
import type { TransactionOffsets } from "./client-shape.ts";
import type { ProducerTrail } from "./producer-trail.ts";
import { operationAttributes } from "./topic-names.ts";
import type { TransactionTrail } from "./transaction-trail.ts";

/** A span lists no more ranges than this, about 40 KB of them; a transaction with more is told by several spans. */
const RANGES_PER_SPAN_MAX = 1_024;

/** A span that settles messages. Its ends never throw. */
export interface SettleSpan {
  readonly succeed: () => void;
  readonly fail: (error: unknown) => void;
}

type SettleName = (typeof OPERATION_NAME)["sendOffsets" | "commitTransaction" | "abortTransaction"];

function startSpan(trail: ProducerTrail, name: SettleName, topics: readonly string[]): Span {
  const topic = topics.length === 1 ? topics[0] : undefined;
  const attributes = operationAttributes(trail.tracing, { name, type: "settle" }, topic);
  if (trail.transactionalId !== undefined) attributes[TRAIL.transactionalId] = trail.transactionalId;
  const spanName = topic === undefined ? name : `${name} ${topic}`;
  return trail.tracing.tracer.startSpan(spanName, { kind: SpanKind.CLIENT, attributes }, context.active());
}

/** Measures and ends a settle span, whichever way it went. */
function settleSpan(trail: ProducerTrail, name: SettleName, span: Span, describe: () => void): SettleSpan {
  const startedAtMs = performance.now();
  const measure = (outcome: Attributes) => {
    const seconds = (performance.now() - startedAtMs) / 1000;
    const attributes = metricAttributes(trail.tracing, name, undefined);
    trail.metrics.operationDuration.record(seconds, { ...attributes, ...outcome });
  };
  return {
    succeed: () =>
      trail.guard.try(() => {
        measure({});
        describe();
        span.end();
      }),
    fail: (error) =>
      trail.guard.try(() => {
        measure({ [ERROR_TYPE]: errorType(error) });
        failSpan(span, error);
        span.end();
      }),
  };
}

/** Starts the span of `sendOffsets`: offsets that a consumer group will have committed when the transaction is. */
export function startSendOffsets(trail: ProducerTrail, offsets: TransactionOffsets): SettleSpan | undefined {
  // What is no list is the client's to refuse.
  if (!Array.isArray(offsets?.topics)) return undefined;
  const topics = offsets.topics.filter(({ topic }) => !trail.tracing.excludes(topic));
  if (topics.length === 0) return undefined;
  const span = startSpan(
    trail,
    OPERATION_NAME.sendOffsets,
    topics.map(({ topic }) => topic),
  );
  return settleSpan(trail, OPERATION_NAME.sendOffsets, span, () => {
    const group = offsets.consumerGroupId ?? consumerGroupOf(offsets.consumer);
    for (const { consumerGroup } of trail.tracing.names) {
      if (group !== undefined) span.setAttribute(consumerGroup, group);
    }
    span.setAttribute(TRAIL.offsets, committedRanges(topics));
  });
}

/** The offset just before the next one to read: all that is known of what is committed. */
function committedRanges(topics: TransactionOffsets["topics"]): string[] {
  return topics.flatMap(({ topic, partitions }) =>
    partitions.flatMap(({ partition, offset }) => {
      const last = Number(offset) - 1;
      return last >= 0 ? [`${topic}/${partition}/${last}-${last}`] : [];
    }),
  );
}

/** Starts the span of a transaction's end, linked to its sends; on success it says which messages it settled. */
export function startTransactionEnd(
  trail: ProducerTrail,
  name: (typeof OPERATION_NAME)["commitTransaction" | "abortTransaction"],
  transaction: TransactionTrail | undefined,
): SettleSpan {
  const span = startSpan(trail, name, transaction?.topics() ?? []);
  span.addLinks((transaction?.sends ?? []).map((spanContext) => ({ context: spanContext })));
  return settleSpan(trail, name, span, () => {
    if (transaction === undefined) return;
    // Now, as a send may have been acknowledged after the end was asked for.
    const ranges = transaction.spelledRanges();
    describeEnd(span, transaction, ranges.slice(0, RANGES_PER_SPAN_MAX));
    for (let from = RANGES_PER_SPAN_MAX; from < ranges.length; from += RANGES_PER_SPAN_MAX) {
      const more = startSpan(trail, name, transaction.topics());
      describeEnd(more, transaction, ranges.slice(from, from + RANGES_PER_SPAN_MAX));
      more.end();
    }
  });
}

function describeEnd(span: Span, transaction: TransactionTrail, ranges: string[]): void {
  span.setAttribute(TRAIL.offsets, ranges);
  if (transaction.isUncertain) span.setAttribute(TRAIL.uncertain, true);
}
