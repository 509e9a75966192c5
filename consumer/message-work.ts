import type { Attributes, Context, Link, Span, TimeInput } from "@opentelemetry/api";
import { failSpan, TRAIL } from "../trace-context/index.ts";
import type { ReceivedMessage } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";
import { CurrentMessage } from "./current-message-ref.ts";
import { countDelivery, countFailure, countSuccess } from "./delivery-metrics.ts";
import { activeContext, parentContext, readInbound, type InboundContext } from "./inbound-context.ts";
import { offsetAttribute, startMessageSpan, type MessageAtHand } from "./message-span.ts";
import type { Delivery, PartitionTrack } from "./partition-track.ts";
import type { Work } from "./work.ts";

/** Attempts up to this one have a span each; then those that are powers of two: a poison message never fills a store. */
const ATTEMPTS_WITH_SPAN = 5;

function hasSpan(attempt: number): boolean {
  return attempt <= ATTEMPTS_WITH_SPAN || (attempt & (attempt - 1)) === 0;
}

/** Reads a message's timestamp, 0 where it has none. */
export function timestampOf(message: ReceivedMessage): number {
  const timestampMs = Number(message.timestamp);
  return timestampMs > 0 ? timestampMs : 0;
}

/** Where a message's work differs inside of a batch: the batch keeps the account of attempts and metrics. */
export interface InBatch {
  readonly link: Link;
  /** When the work began, where it began before now. */
  readonly startTime?: TimeInput;
}

/** The processing of one message, from before its handler is called until it is done. */
export class MessageWork implements Work, MessageAtHand {
  readonly context: Context;
  startedAtMs = 0;
  showAtMs = Infinity;
  next: Work | undefined;
  previous: Work | undefined;
  isEntered = false;
  /** True once it has ended by an error. */
  hasFailed = false;

  readonly trail: ConsumerTrail;
  readonly track: PartitionTrack;
  readonly message: ReceivedMessage;
  readonly delivery: Delivery;
  readonly inbound: InboundContext;
  readonly waitedMs: number | undefined;
  readonly batchLink: Link | undefined;

  readonly #timestampMs: number;
  readonly #parent: Context;
  #span: Span | undefined;
  #isEnded = false;

  constructor(
    trail: ConsumerTrail,
    track: PartitionTrack,
    message: ReceivedMessage,
    timestampMs: number,
    delivery: Delivery,
    inBatch?: InBatch,
  ) {
    const inbound = readInbound(trail.tracing, trail.isW3c, message.headers);
    const waitedMs = timestampMs === 0 ? undefined : Date.now() - timestampMs;
    const isTooOld = waitedMs !== undefined && waitedMs > trail.tracing.options.maxParentAgeMs;
    this.trail = trail;
    this.track = track;
    this.message = message;
    this.delivery = delivery;
    this.inbound = inbound;
    this.waitedMs = waitedMs;
    this.batchLink = inBatch?.link;
    this.#timestampMs = timestampMs;
    this.#parent = parentContext(inbound, isTooOld);
    if (hasSpan(delivery.attempt)) this.#span = startMessageSpan(this, this.#parent, inBatch?.startTime);
    this.context = activeContext(inbound, this.#span, this.#reference());
    const { isRecording } = this;
    // Unsampled and unmeasured work is not timed either: the clock alone is 2 % of what it costs.
    if (isRecording || trail.metrics.isMeasured || this.#span === undefined)
      this.startedAtMs = performance.now();
    if (inBatch === undefined) countDelivery(trail.metrics, track, delivery, 1, waitedMs);
    if (isRecording) trail.inHand.add(this);
  }

  get isRecording(): boolean {
    return this.#span?.isRecording() === true;
  }

  succeed(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    const { trail, track, delivery } = this;
    try {
      trail.inHand.delete(this);
      if (this.batchLink === undefined) {
        track.succeed(delivery.offset, this.#timestampMs);
        countSuccess(trail.metrics, track, this.startedAtMs);
      }
      // An attempt without a span that succeeds gets one after all: else the store would know of failures only.
      this.#span ??= startMessageSpan(
        this,
        this.#parent,
        Date.now() - (performance.now() - this.startedAtMs),
      );
      this.#span.end();
    } catch (error) {
      trail.guard.record(error);
    }
  }

  fail(error: unknown): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.hasFailed = true;
    const { trail, track, delivery } = this;
    try {
      trail.inHand.delete(this);
      if (this.batchLink === undefined) {
        track.fail(delivery, this.#span?.spanContext());
        countFailure(trail.metrics, track, this.startedAtMs, error);
      }
      if (this.#span === undefined) return;
      if (this.#span.isRecording()) failSpan(this.#span, error);
      this.#span.end();
    } catch (internal) {
      trail.guard.record(internal);
    }
  }

  /** Ends the span of work that is over, at a time of the past. */
  succeedAt(endTime: TimeInput): void {
    this.#isEnded = true;
    this.trail.inHand.delete(this);
    this.#span?.end(endTime);
  }

  describe(): Attributes {
    const { trail, track, delivery, message } = this;
    const attributes: Attributes = {
      ...track.samplingAttributes,
      ...track.sharedAttributes,
      [TRAIL.attempt]: delivery.attempt,
    };
    for (const names of trail.tracing.names) attributes[names.offset] = offsetAttribute(delivery, message);
    return attributes;
  }

  #reference(): CurrentMessage {
    const { trail, track, message, delivery, inbound } = this;
    return new CurrentMessage(
      track.topic,
      track.partition,
      message.offset,
      trail.consumerGroup,
      delivery.attempt,
      this.#timestampMs === 0 ? undefined : this.#timestampMs,
      inbound.traceparent,
      inbound.spanContext,
    );
  }
}
