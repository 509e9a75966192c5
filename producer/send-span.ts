import { context, SpanKind } from "@opentelemetry/api";
import type { Attributes, Context, Span } from "@opentelemetry/api";
import { currentMessage, ERROR_TYPE, errorType, failSpan } from "../trace-context/index.ts";
import { formatOffsetRange, metricAttributes, OPERATION_NAME, TRAIL } from "../trace-context/index.ts";
import type { Acknowledgement } from "./acknowledgement.ts";
import type { Delivery } from "./delivery.ts";
import { describeMessage, setPlace } from "./message-attributes.ts";
import { MessageContexts } from "./message-contexts.ts";
import type { ProducerTrail, SendScope } from "./producer-trail.ts";
import { reportLoss } from "./report-loss.ts";
import { outcomeOfRejected, outcomeOfResolved } from "./send-outcome.ts";
import { operationAttributes } from "./topic-names.ts";
import { TraceHeaders } from "./trace-headers.ts";

/** What happened on the way to the last acknowledgement. */
interface SendStory {
  readonly retries: number;
  readonly missed: readonly Acknowledgement[];
  readonly resent: number;
}

type Settle = ReturnType<NonNullable<SendScope["doubts"]>["begin"]>;

const NONE_MISSED: readonly Acknowledgement[] = [];
const UNCERTAIN: Attributes = { [TRAIL.uncertain]: true };
const CERTAIN: Attributes = {};
const SEND = { name: OPERATION_NAME.send, type: "send" } as const;

/**
 * The spans of one call of `send` or `sendBatch`.
 *
 * One message: `send T`, and its context goes into the message. More, or a batch: one `send` span, a `create T` span of
 * each message up to a cap, and beyond it a span id without a span. Its ends never throw.
 */
export class SendSpan {
  readonly #trail: ProducerTrail;
  readonly #delivery: Delivery;
  readonly #scope: SendScope;
  readonly #startedAtMs: number;
  readonly #span: Span;
  readonly #messages: MessageContexts;
  readonly #settle: Settle | undefined;

  /** Starts the spans and gives each message its context. Throws what the tracer or the propagator throws. */
  constructor(trail: ProducerTrail, delivery: Delivery, scope: SendScope) {
    this.#trail = trail;
    this.#delivery = delivery;
    this.#scope = scope;
    this.#startedAtMs = trail.metrics.isMeasured ? performance.now() : 0;
    const active = context.active();
    const headers = new TraceHeaders(trail.tracing, currentMessage(active));
    this.#span = this.#start(active, headers);
    this.#messages = new MessageContexts(trail, delivery, headers, active, this.#span);
    try {
      this.#describe();
      this.#messages.inject();
    } catch (error) {
      this.#messages.abandon();
      this.#span.end();
      throw error;
    }
    scope.transaction?.addSend(this.#span.spanContext());
    this.#settle = scope.doubts?.begin(delivery.parts.map(({ topic }) => topic));
  }

  /**
   * Ends the spans of a send that resolved. `missed` are the acknowledgements before the last, after each of which what
   * it missed was sent again.
   */
  succeed(acknowledgement: Acknowledgement, missed = NONE_MISSED): void {
    const { guard, metrics } = this.#trail;
    if (guard.isOpen) return;
    try {
      const { retries } = this.#delivery;
      this.#measure({}, retries);
      let resent = 0;
      for (const { unacknowledged } of missed) resent += unacknowledged;
      if (resent > 0) metrics.resent.add(resent, this.#metricAttributes());
      if (acknowledgement.unacknowledged > 0 || acknowledgement.isSuspect) {
        reportLoss(this.#trail, this.#delivery, acknowledgement, this.#metricAttributes());
      }
      const story = { retries, missed, resent };
      if (this.#settle === undefined) this.#end(acknowledgement, story, false, undefined);
      else this.#endLater(this.#settle, acknowledgement, story);
    } catch (error) {
      guard.record(error);
    }
  }

  /** Ends the spans once it is known whether the offsets can be trusted, with the time of now. */
  #endLater(settle: Settle, acknowledgement: Acknowledgement, story: SendStory): void {
    const endedAtMs = performance.now();
    settle(outcomeOfResolved(this.#delivery), (isUncertain) => {
      this.#trail.guard.try(() => this.#end(acknowledgement, story, isUncertain, endedAtMs));
    });
  }

  /** Ends the spans of a send that rejected or threw: no offset is claimed. */
  fail(error: unknown): void {
    this.#trail.guard.try(() => {
      const { retries } = this.#delivery;
      this.#measure({ [ERROR_TYPE]: errorType(error) }, retries);
      this.#settle?.(outcomeOfRejected(this.#delivery), () => {});
      this.#messages.fail(error);
      this.#messages.describeSend(this.#span, undefined);
      if (retries > 0) this.#span.setAttribute(TRAIL.retries, retries);
      failSpan(this.#span, error);
      this.#span.end();
    });
  }

  #start(active: Context, headers: TraceHeaders): Span {
    const { tracing, topics } = this.#trail;
    const { parts, isSingle } = this.#delivery;
    const [{ topic, sent }] = parts as [Delivery["parts"][number]];
    const isOneTopic = parts.every((part) => part.topic === topic);
    const only = isSingle ? sent[0]?.copy : undefined;
    // PRODUCER is the span whose context the message carries; another's context makes it a CLIENT (conventions, "Span kind").
    const isCreator = only !== undefined && ["nothing", "copied"].includes(headers.read(only.headers).kind);
    const kind = isCreator ? SpanKind.PRODUCER : SpanKind.CLIENT;
    const attributes = isOneTopic
      ? topics.names(topic).sendAttributes
      : operationAttributes(tracing, SEND, undefined);
    const name = isOneTopic ? topics.names(topic).sendName : SEND.name;
    return tracing.tracer.startSpan(name, { kind, attributes }, active);
  }

  #describe(): void {
    const { tracing } = this.#trail;
    const { parts, isSingle, messageCount } = this.#delivery;
    if (!this.#span.isRecording()) return;
    if (isSingle) {
      const [{ topic, sent }] = parts as [Delivery["parts"][number]];
      if (sent[0]?.copy !== undefined) describeMessage(this.#span, tracing, topic, sent[0].copy);
      return;
    }
    for (const names of tracing.names) this.#span.setAttribute(names.batchMessageCount, messageCount);
  }

  #end(
    acknowledgement: Acknowledgement,
    { retries, missed, resent }: SendStory,
    isUncertain: boolean,
    endedAtMs: number | undefined,
  ): void {
    const { ranges, unacknowledged, isSuspect } = acknowledgement;
    this.#scope.transaction?.addRanges(ranges, isUncertain);
    if (isUncertain) this.#trail.metrics.uncertain.add(1, this.#metricAttributes());
    const outcome = isUncertain ? UNCERTAIN : CERTAIN;
    const span = this.#span;
    if (span.isRecording()) {
      this.#messages.end(acknowledgement, missed, outcome);
      this.#messages.describeSend(span, acknowledgement);
      const only = this.#delivery.isSingle ? acknowledgement.fateOf(0, 0) : undefined;
      if (only !== undefined) setPlace(span, this.#trail.tracing, only);
      // A single message stored twice has two places; the attributes name the first.
      if (only === undefined || ranges.length > 1)
        span.setAttribute(TRAIL.offsets, ranges.map(formatOffsetRange));
      if (isUncertain) span.setAttributes(outcome);
      if (retries > 0) span.setAttribute(TRAIL.retries, retries);
      if (resent > 0) span.setAttribute(TRAIL.resent, resent);
      if (unacknowledged > 0) span.setAttribute(TRAIL.unacknowledged, unacknowledged);
      if (isSuspect) span.setAttribute(TRAIL.suspect, true);
    }
    span.end(endedAtMs);
  }

  #measure(outcome: Attributes, retries: number): void {
    const { metrics, topics } = this.#trail;
    if (!metrics.isMeasured) return;
    const seconds = (performance.now() - this.#startedAtMs) / 1000;
    metrics.operationDuration.record(seconds, { ...this.#metricAttributes(), ...outcome });
    for (const { topic, sent } of this.#delivery.parts) {
      metrics.sent.add(sent.length, { ...topics.names(topic).metricAttributes, ...outcome });
    }
    if (retries > 0) metrics.retries.add(retries, this.#metricAttributes());
  }

  #metricAttributes(): Attributes {
    const { tracing, topics } = this.#trail;
    const [first, ...others] = this.#delivery.parts;
    const isOneTopic = first !== undefined && others.every(({ topic }) => topic === first.topic);
    return isOneTopic
      ? topics.names(first.topic).metricAttributes
      : metricAttributes(tracing, SEND.name, undefined);
  }
}
