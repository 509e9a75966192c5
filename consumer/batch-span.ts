import { ROOT_CONTEXT, SpanKind } from "@opentelemetry/api";
import type { Link, Span } from "@opentelemetry/api";
import { TRAIL } from "../trace-context/index.ts";
import { linksOf } from "./batch-links.ts";
import type { BatchOutcome } from "./batch-outcome.ts";
import type { MessageBatch } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";
import { readInbound } from "./inbound-context.ts";
import type { NotedBatch } from "./noted-batch.ts";
import type { Delivery, PartitionTrack } from "./partition-track.ts";

/** Links to the messages' creators, and to the attempt before this one. */
function batchLinks(trail: ConsumerTrail, batch: MessageBatch, { previous }: Delivery): Link[] {
  const { tracing, isW3c } = trail;
  const linksMax = tracing.options.linksMax - (previous === undefined ? 0 : 1);
  const links = linksOf(
    batch.messages,
    ({ headers }) => readInbound(tracing, isW3c, headers).spanContext,
    linksMax,
  );
  if (previous !== undefined) links.push({ context: previous });
  return links;
}

/** Starts the `process` span of a batch: a root, linked to what made its messages. */
export function startBatchSpan(
  trail: ConsumerTrail,
  track: PartitionTrack,
  batch: MessageBatch,
  noted: NotedBatch,
  delivery: Delivery,
  waitedMs: number | undefined,
): Span {
  const { tracer, names: tables } = trail.tracing;
  const { spanName, samplingAttributes: attributes } = track;
  const span = tracer.startSpan(spanName, { kind: SpanKind.CONSUMER, attributes }, ROOT_CONTEXT);
  if (!span.isRecording()) return span;
  span.setAttributes(track.sharedAttributes);
  // After the start: an SDK copies links given at the start three times (a batch of 100: 2.1 us a message more).
  span.addLinks(batchLinks(trail, batch, delivery));
  for (const names of tables) span.setAttribute(names.batchMessageCount, noted.offsets.length);
  span.setAttribute(TRAIL.attempt, delivery.attempt);
  if (waitedMs !== undefined) span.setAttribute(TRAIL.queueTimeMs, waitedMs);
  if (track.highWatermark >= 0) span.setAttribute(TRAIL.lagMessages, track.behind(noted.knownTo));
  if (delivery.isDuplicate) span.setAttribute(TRAIL.duplicate, true);
  return span;
}

/** Records what became of a batch's messages, as ranges: links are navigation, ranges are evidence. */
export function recordOutcome(
  span: Span,
  noted: NotedBatch,
  { voidBefore }: Delivery,
  outcome: BatchOutcome,
): void {
  const record = (name: string, ranges: string[]) => {
    if (ranges.length > 0) span.setAttribute(name, ranges);
  };
  record(TRAIL.offsets, noted.spell(outcome.processed));
  record(TRAIL.offsetsFailed, noted.spell(outcome.failed));
  record(TRAIL.offsetsNotReached, noted.spell(outcome.notReached));
  record(TRAIL.offsetsVoid, noted.spellVoid(voidBefore));
}
