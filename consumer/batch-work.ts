import { ROOT_CONTEXT, trace } from "@opentelemetry/api";
import type { Attributes, Context, Span } from "@opentelemetry/api";
import { failSpan, TRAIL } from "../trace-context/index.ts";
import { judgeBatch, type BatchOutcome } from "./batch-outcome.ts";
import { recordOutcome, startBatchSpan } from "./batch-span.ts";
import type { MessageBatch, ReceivedMessage } from "./client-shape.ts";
import type { ConsumerTrail } from "./consumer-trail.ts";
import { setCurrentBatch } from "./current-batch.ts";
import { countDelivery, countFailure, countSuccess } from "./delivery-metrics.ts";
import { MessageWork, timestampOf, type InBatch } from "./message-work.ts";
import { NotedBatch } from "./noted-batch.ts";
import type { Delivery, PartitionTrack } from "./partition-track.ts";
import type { Work } from "./work.ts";

/** The processing of one batch by one `eachBatch` call. */
export class BatchWork implements Work {
  readonly context: Context;
  readonly startedAtMs = performance.now();
  showAtMs = Infinity;
  next: Work | undefined;
  previous: Work | undefined;
  isEntered = false;

  readonly #trail: ConsumerTrail;
  readonly #track: PartitionTrack;
  readonly #noted: NotedBatch;
  readonly #delivery: Delivery;
  readonly #isAutoResolved: boolean;
  readonly #span: Span;
  readonly #ownSpans = new Map<number, { readonly hasFailed: boolean }>();
  /** The messages, where spans are to be cut from what the handler resolves. */
  readonly #messages: readonly ReceivedMessage[] | undefined;
  /** Difference of the two clocks: milliseconds since 1970, and `performance.now()`. */
  readonly #epochMs = Date.now() - this.startedAtMs;
  #cutAtMs = this.startedAtMs;
  #resolvedTo: number | undefined;
  #resolveCalls = 0;
  /** How many of the batch's messages are resolved. */
  #resolved = 0;
  #wasToldToStop = false;
  #isEnded = false;

  constructor(trail: ConsumerTrail, track: PartitionTrack, batch: MessageBatch, isAutoResolved: boolean) {
    this.#trail = trail;
    this.#track = track;
    this.#isAutoResolved = isAutoResolved;
    const noted = new NotedBatch(batch);
    this.#noted = noted;
    if (batch.highWatermark !== undefined) track.highWatermark = Number(batch.highWatermark);
    track.beginFetch(noted.knownFrom, noted.knownTo, noted.offsets.length);
    this.#delivery = track.deliver(noted.first, noted.firstTimestampMs);
    track.deliverRest(noted.last);
    if (track.hold(noted.knownFrom, noted.knownTo, noted.isPositionKnown)) trail.session.tell();

    this.#messages = trail.tracing.options.spanPerResolvedMessage ? batch.messages.slice() : undefined;
    const waitedMs = noted.firstTimestampMs === 0 ? undefined : Date.now() - noted.firstTimestampMs;
    this.#span = startBatchSpan(trail, track, batch, noted, this.#delivery, waitedMs);
    this.context = setCurrentBatch(trace.setSpan(ROOT_CONTEXT, this.#span), {
      topic: track.topic,
      partition: track.partition,
      consumerGroup: trail.consumerGroup,
      attemptOf: (offset) => this.#deliveryOf(offset).attempt,
      holds: (offset) => noted.offsets.includes(offset),
    });
    countDelivery(trail.metrics, track, this.#delivery, noted.offsets.length, waitedMs);
    if (this.#span.isRecording()) trail.inHand.add(this);
  }

  succeed(): void {
    this.#end(undefined, false);
  }

  fail(error: unknown): void {
    this.#end(error, true);
  }

  describe(): Attributes {
    const attributes: Attributes = {
      ...this.#track.samplingAttributes,
      ...this.#track.sharedAttributes,
      [TRAIL.attempt]: this.#delivery.attempt,
    };
    for (const names of this.#trail.tracing.names) {
      attributes[names.batchMessageCount] = this.#noted.offsets.length;
    }
    attributes[TRAIL.offsets] = this.#noted.spell(this.#noted.offsets.slice(this.#resolved));
    return attributes;
  }

  /** Notes that the handler resolved an offset by itself. */
  resolve(offset: number): void {
    const { offsets } = this.#noted;
    const before = this.#resolved;
    // The last call wins, also where it goes back: so the client counts.
    if (this.#resolvedTo !== undefined && offset < this.#resolvedTo) this.#resolved = 0;
    while ((offsets[this.#resolved] ?? Infinity) <= offset) this.#resolved++;
    this.#resolvedTo = offset;
    this.#resolveCalls++;
    if (this.#resolveCalls > 1) this.#trail.resolvesEach = true;
    if (this.#messages === undefined) return;
    const message = this.#messages[before];
    // Only a call that resolves one message tells that message's time.
    if (message !== undefined && this.#resolved === before + 1) this.#cut(message);
    this.#cutAtMs = performance.now();
  }

  /** Notes that the handler asked whether it may go on, and was told no. */
  tellToStop(): void {
    this.#wasToldToStop = true;
  }

  /** Starts the work on one message of the batch, for as long as the app says. */
  startMessage(message: ReceivedMessage): MessageWork {
    return this.#startMessage(message, { link: { context: this.#span.spanContext() } });
  }

  /** Gives a message that was just resolved a span that began when the one before it was resolved. */
  #cut(message: ReceivedMessage): void {
    if (this.#ownSpans.has(Number(message.offset))) return;
    const startTime = this.#epochMs + this.#cutAtMs;
    const work = this.#startMessage(message, { link: { context: this.#span.spanContext() }, startTime });
    work.succeedAt(this.#epochMs + performance.now());
  }

  #startMessage(message: ReceivedMessage, inBatch: InBatch): MessageWork {
    const delivery = this.#deliveryOf(Number(message.offset));
    const work = new MessageWork(this.#trail, this.#track, message, timestampOf(message), delivery, inBatch);
    if (work.isRecording) this.#ownSpans.set(delivery.offset, work);
    return work;
  }

  /** Attempts are counted where a batch begins: its other messages were not reached before. */
  #deliveryOf(offset: number): Delivery {
    if (offset === this.#delivery.offset) return this.#delivery;
    const { isDuplicate } = this.#delivery;
    return { offset, attempt: 1, isDuplicate, voidBefore: undefined, previous: undefined };
  }

  #end(error: unknown, hasThrown: boolean): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    try {
      this.#trail.inHand.delete(this);
      const outcome = this.#judge(hasThrown);
      this.#account(outcome, error, hasThrown);
      if (this.#span.isRecording()) {
        recordOutcome(this.#span, this.#noted, this.#delivery, outcome);
        if (hasThrown) failSpan(this.#span, error);
      }
      this.#span.end();
    } catch (internal) {
      this.#trail.guard.record(internal);
    }
  }

  #judge(hasThrown: boolean): BatchOutcome {
    return judgeBatch({
      offsets: this.#noted.offsets,
      resolved: this.#resolved,
      hasThrown,
      isAutoResolved: this.#isAutoResolved,
      wasToldToStop: this.#wasToldToStop,
      isEachByItself: this.#trail.resolvesEach || this.#ownSpans.size > 0,
      ownSpans: this.#ownSpans,
    });
  }

  #account({ resolvedTo, againFrom }: BatchOutcome, error: unknown, hasThrown: boolean): void {
    const { metrics } = this.#trail;
    if (againFrom !== undefined) this.#track.expect(againFrom);
    if (resolvedTo !== undefined) this.#track.succeed(resolvedTo, this.#noted.latestTimestampMs);
    if (!hasThrown) {
      countSuccess(metrics, this.#track, this.startedAtMs);
      return;
    }
    countFailure(metrics, this.#track, this.startedAtMs, error);
    if (againFrom !== undefined) this.#track.fail(this.#deliveryOf(againFrom), this.#span.spanContext());
  }
}
