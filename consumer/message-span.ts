import { SpanKind } from "@opentelemetry/api";
import type { Context, Link, Span, SpanOptions, TimeInput } from "@opentelemetry/api";
import { recordedKey, recordedMessageId, TRAIL } from "../trace-context/index.ts";
import type { ReceivedMessage } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";
import { readOrigin } from "./dead-letter-headers.ts";
import type { InboundContext } from "./inbound-context.ts";
import type { Delivery, PartitionTrack } from "./partition-track.ts";

/** One message at hand: what its span and its name are made of. */
export interface MessageAtHand {
  readonly trail: ConsumerTrail;
  readonly track: PartitionTrack;
  readonly message: ReceivedMessage;
  readonly delivery: Delivery;
  readonly inbound: InboundContext;
  /** From the message's timestamp until its processing began; `undefined` where it has no timestamp. */
  readonly waitedMs: number | undefined;
  /** Link to the span of the batch that the message came in. */
  readonly batchLink: Link | undefined;
}

/** Starts the `process` span of one message. */
export function startMessageSpan(at: MessageAtHand, parent: Context, startTime?: TimeInput): Span {
  const { spanName, samplingAttributes: attributes } = at.track;
  // Only what samplers judge by is given at the start: an SDK copies those attributes three times (0.8 us each), later
  // ones once (0.4 us).
  const options: SpanOptions = { kind: SpanKind.CONSUMER, attributes };
  if (startTime !== undefined) options.startTime = startTime;
  const span = at.trail.tracing.tracer.startSpan(spanName, options, parent);
  if (span.isRecording()) {
    span.setAttributes(at.track.sharedAttributes);
    recordLinks(span, at);
    recordMessage(span, at);
    recordDelivery(span, at);
    recordOrigin(span, at.message);
  }
  return span;
}

/** Returns an offset as an attribute: beyond 2^53 a number would name another one. */
export function offsetAttribute({ offset }: Delivery, message: ReceivedMessage): number | string {
  return Number.isSafeInteger(offset) ? offset : message.offset;
}

function recordLinks(span: Span, { inbound, delivery, batchLink }: MessageAtHand): void {
  if (inbound.spanContext !== undefined) span.addLink({ context: inbound.spanContext });
  if (delivery.previous !== undefined) span.addLink({ context: delivery.previous });
  if (batchLink !== undefined) span.addLink(batchLink);
}

function recordMessage(span: Span, { trail, track, message, delivery }: MessageAtHand): void {
  const { names: tables, options, guard } = trail.tracing;
  const offset = offsetAttribute(delivery, message);
  const key = recordedKey(message.key, options.key);
  let messageId: string | undefined;
  try {
    messageId = recordedMessageId(track.topic, message, options.messageId);
  } catch (error) {
    // The app's own extractor: its fault costs the id and not the span.
    guard.record(error);
  }
  for (const names of tables) {
    span.setAttribute(names.offset, offset);
    if (key !== undefined) span.setAttribute(names.key, key);
    if (messageId !== undefined) span.setAttribute(names.messageId, messageId);
    if (message.value === null) span.setAttribute(names.tombstone, true);
  }
}

function recordDelivery(span: Span, { track, delivery, waitedMs }: MessageAtHand): void {
  span.setAttribute(TRAIL.attempt, delivery.attempt);
  if (waitedMs !== undefined) span.setAttribute(TRAIL.queueTimeMs, waitedMs);
  if (track.highWatermark >= 0) span.setAttribute(TRAIL.lagMessages, track.behind(delivery.offset));
  if (delivery.isDuplicate) span.setAttribute(TRAIL.duplicate, true);
  if (delivery.voidBefore !== undefined) span.setAttribute(TRAIL.voidBefore, delivery.voidBefore);
}

function recordOrigin(span: Span, { headers }: ReceivedMessage): void {
  const origin = readOrigin(headers);
  if (origin === undefined) return;
  span.setAttribute(TRAIL.origin, origin.coordinates);
  if (origin.consumerGroup !== undefined) span.setAttribute(TRAIL.originGroup, origin.consumerGroup);
}
