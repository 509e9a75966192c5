import { isSpanContextValid, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import type { Attributes, Context, Span, SpanContext } from "@opentelemetry/api";
import { ERROR_TYPE, errorType, TRAIL, type Headers } from "../trace-context/index.ts";
import type { Acknowledgement } from "./acknowledgement.ts";
import type { Fate } from "./sent.ts";
import type { MessageCopy } from "./copy-message.ts";
import type { Delivery } from "./delivery.ts";
import { HeaderTemplate } from "./header-template.ts";
import { describeMessage, placeAttributes, readOrigin, setPlace } from "./message-attributes.ts";
import type { ProducerTrail } from "./producer-trail.ts";
import { newSpanId } from "./span-id.ts";
import { sendContext, type TraceHeaders } from "./trace-headers.ts";

/** A message's `create` span: over when the message is made, and open until it can say where the message lies. */
interface CreateSpan {
  readonly part: number;
  readonly index: number;
  readonly span: Span;
}

/** The context that a message came with, for a link. */
interface CameWith {
  readonly part: number;
  readonly index: number;
  readonly spanContext: SpanContext;
}

/** A send's `kafka_trail.origin` lists no more forwarded messages than this. */
const ORIGINS_MAX = 1_024;
/** For fewer messages than this, asking the propagator for each costs less than learning what it writes. */
const TEMPLATE_MESSAGES_MIN = 8;

const PRODUCER = { kind: SpanKind.PRODUCER };

/** Gives each message of one send its trace context, and ends the spans that messages have of their own. */
export class MessageContexts {
  readonly #trail: ProducerTrail;
  readonly #delivery: Delivery;
  readonly #headers: TraceHeaders;
  readonly #sendContext: Context;
  readonly #spanContext: SpanContext;
  readonly #createSpansMax: number;
  /** True where every message carries the send's own context: one message alone, or no SDK that makes span ids. */
  readonly #isShared: boolean;
  #template: HeaderTemplate | undefined;
  readonly #created: CreateSpan[] = [];
  /** When the last message was made, by `performance.now()`. */
  #createdAtMs = 0;
  readonly #cameWith: CameWith[] = [];
  readonly #origins: { at: string; group: string }[] = [];

  constructor(trail: ProducerTrail, delivery: Delivery, headers: TraceHeaders, active: Context, send: Span) {
    this.#trail = trail;
    this.#delivery = delivery;
    this.#headers = headers;
    this.#sendContext = trace.setSpan(sendContext(active, trail.tracing), send);
    this.#spanContext = send.spanContext();
    this.#createSpansMax =
      send.isRecording() && !delivery.isSingle ? trail.tracing.options.createSpansMax : 0;
    this.#isShared = delivery.isSingle || !isMadeHere(this.#spanContext, trace.getSpanContext(active));
  }

  /** Injects a context into the copy of every message that is to have one. */
  inject(): void {
    const { parts, messageCount } = this.#delivery;
    if (!this.#isShared && messageCount >= TEMPLATE_MESSAGES_MIN) {
      const written = this.#headers.inject(this.#sendContext, undefined);
      const write = (spanId: string) => this.#headers.inject(this.#contextOf(spanId), undefined) ?? {};
      this.#template = HeaderTemplate.learn(this.#spanContext, written, write);
    }
    for (let part = 0; part < parts.length; part++) {
      const { topic, sent } = parts[part]!;
      for (let index = 0; index < sent.length; index++) {
        const { copy } = sent[index]!;
        if (copy !== undefined) this.#injectOne(part, index, topic, copy);
      }
    }
    if (this.#created.length > 0) this.#createdAtMs = performance.now();
  }

  /** Ends the messages' own spans with what became of the messages, those that were `missed` and sent again included. */
  end(acknowledgement: Acknowledgement, missed: readonly Acknowledgement[], outcome: Attributes): void {
    for (const { span, part, index } of this.#created) {
      this.#setFate(span, acknowledgement.fateOf(part, index));
      for (const name in outcome) span.setAttribute(name, outcome[name]!);
      if (missed.length > 0) this.#setResent(span, part, index, missed);
      span.end(this.#createdAtMs);
    }
  }

  /** Ends the messages' own spans as failed: where the messages are, if anywhere, is not known. */
  fail(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    for (const { span } of this.#created) {
      span.setAttribute(ERROR_TYPE, errorType(error));
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      span.end(this.#createdAtMs);
    }
  }

  /** Ends the messages' own spans, untold: the messages go without them. */
  abandon(): void {
    for (const { span } of this.#created) span.end();
  }

  /** Says on the send's span what no message's own span says: what was forwarded, and with which contexts it came. */
  describeSend(send: Span, acknowledgement: Acknowledgement | undefined): void {
    if (this.#origins.length > 0 && !this.#delivery.isSingle) {
      send.setAttribute(
        TRAIL.origin,
        this.#origins.map(({ at }) => at),
      );
      send.setAttribute(
        TRAIL.originGroup,
        this.#origins.map(({ group }) => group),
      );
    }
    for (const { spanContext, part, index } of this.#cameWith) {
      const fate = acknowledgement?.fateOf(part, index);
      const attributes = fate === undefined ? {} : placeAttributes(this.#trail.tracing, fate);
      send.addLink({ context: spanContext, attributes });
    }
  }

  #injectOne(part: number, index: number, topic: string, copy: MessageCopy): void {
    const carried = this.#headers.read(copy.headers);
    if (carried.kind === "refused") return;
    if (carried.kind === "own") return this.#noteOnSend(part, index, copy, carried.spanContext);

    const copiedFrom = carried.kind === "copied" ? carried.spanContext : undefined;
    const span =
      this.#created.length < this.#createSpansMax
        ? this.#createSpan(part, index, topic, copy, copiedFrom)
        : undefined;
    if (copy.headers !== undefined) {
      if (span === undefined) this.#noteOnSend(part, index, copy, copiedFrom);
      if (copiedFrom !== undefined || (carried.kind === "nothing" && carried.isStale)) {
        copy.headers = this.#headers.withoutContext(copy.headers);
      }
    }
    const headers = this.#write(copy.headers, span);
    if (headers !== undefined) copy.headers = headers;
  }

  /** Returns the headers with the context of the message's span, of a span id of its own, or of the send. */
  #write(headers: Headers | undefined, span: Span | undefined): Headers | undefined {
    if (span !== undefined) {
      const { spanId, traceFlags, traceState } = span.spanContext();
      // A sampler may give a span flags and state of its own.
      const isLikeSend =
        traceFlags === this.#spanContext.traceFlags && traceState === this.#spanContext.traceState;
      return this.#template !== undefined && isLikeSend
        ? this.#template.write(headers, spanId)
        : this.#headers.inject(trace.setSpan(this.#sendContext, span), headers);
    }
    if (this.#isShared) return this.#headers.inject(this.#sendContext, headers);
    const spanId = newSpanId();
    return this.#template === undefined
      ? this.#headers.inject(this.#contextOf(spanId), headers)
      : this.#template.write(headers, spanId);
  }

  /** Returns the context of a span id that no span has. */
  #contextOf(spanId: string): Context {
    return trace.setSpanContext(this.#sendContext, { ...this.#spanContext, spanId });
  }

  #createSpan(
    part: number,
    index: number,
    topic: string,
    copy: MessageCopy,
    copiedFrom: SpanContext | undefined,
  ): Span {
    const { tracing, topics } = this.#trail;
    const { createName, createAttributes } = topics.names(topic);
    const span = tracing.tracer.startSpan(
      createName,
      copiedFrom === undefined ? PRODUCER : { ...PRODUCER, links: [{ context: copiedFrom }] },
      this.#sendContext,
    );
    // Not with the start, as a sampler has judged the send by them: the SDK checks those that are given then three times.
    span.setAttributes(createAttributes);
    describeMessage(span, tracing, topic, copy);
    this.#created.push({ part, index, span });
    return span;
  }

  /** Keeps what a message without a span of its own says of where it came from. */
  #noteOnSend(part: number, index: number, copy: MessageCopy, spanContext: SpanContext | undefined): void {
    if (spanContext !== undefined && this.#cameWith.length < this.#trail.tracing.options.linksMax) {
      this.#cameWith.push({ part, index, spanContext });
    }
    const origin = readOrigin(copy);
    if (origin !== undefined && this.#origins.length < ORIGINS_MAX) {
      this.#origins.push({ at: origin.at, group: origin.group ?? "" });
    }
  }

  #setFate(span: Span, fate: Fate): void {
    setPlace(span, this.#trail.tracing, fate);
    if (fate.isSuspect) span.setAttribute(TRAIL.suspect, true);
    if (!fate.isUnacknowledged) return;
    span.setAttribute(TRAIL.unacknowledged, true);
    span.setStatus({
      code: SpanStatusCode.ERROR,
      message: "The send resolved, but no broker acknowledged this message.",
    });
  }

  #setResent(span: Span, part: number, index: number, missed: readonly Acknowledgement[]): void {
    const resent = missed.filter((it) => it.fateOf(part, index).isUnacknowledged).length;
    if (resent > 0) span.setAttribute(TRAIL.resent, resent);
  }
}

/** False where no SDK has made the span: then it has its parent's context, or an invalid one. */
function isMadeHere(spanContext: SpanContext, parent: SpanContext | undefined): boolean {
  return isSpanContextValid(spanContext) && spanContext.spanId !== parent?.spanId;
}
