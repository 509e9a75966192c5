import type { SpanRow } from "../span/span-row.ts";
import { Operation } from "../span/vocabulary.ts";
import type { AttributeDecoder } from "./attribute-decoder.ts";
import { AttributeObject } from "./attribute-object.ts";
import { NAME_LENGTH_MAX, TEXT_LENGTH_MAX } from "./bounds.ts";
import { DetailWriter } from "./detail.ts";
import { Facts } from "./facts.ts";
import { isSpanId, isTraceId } from "./ids.ts";
import { JsonWriter } from "./json-writer.ts";
import { normalise } from "./normalise.ts";
import type { Origin, Scope } from "./origin.ts";
import { SharedAttributes } from "./shared-attributes.ts";
import { Mark, storableTimes, type Marks } from "./sanitise.ts";
import type { Slab } from "./slab.ts";
import { SpanParts } from "./span-parts.ts";
import type { WireReader } from "./wire-reader.ts";

// Tags of Span and Status.
const TRACE_ID = 10;
const SPAN_ID = 18;
const TRACE_STATE = 26;
const PARENT_SPAN_ID = 34;
const NAME = 42;
const KIND = 48;
const START_TIME = 57;
const END_TIME = 65;
const ATTRIBUTE = 74;
const DROPPED_ATTRIBUTES = 80;
const EVENT = 90;
const DROPPED_EVENTS = 96;
const LINK = 106;
const DROPPED_LINKS = 112;
const STATUS = 122;
const FLAGS = 133;
const STATUS_MESSAGE = 18;
const STATUS_CODE = 24;

const KIND_MAX = 5;
const STATUS_MAX = 2;
const NO_BYTES = Buffer.alloc(0);
const NONE: readonly never[] = [];

/** Why one span among good ones is not stored. */
export type RejectReason = "invalid_trace_id" | "invalid_span_id";

/** Decodes one span after the other straight to rows. */
export class SpanDecoder {
  readonly #reader: WireReader;
  readonly #attributes: AttributeDecoder;
  readonly #marks: Marks;
  readonly #json: JsonWriter;
  readonly #object: AttributeObject;
  readonly #facts = new Facts();
  readonly #shared = new SharedAttributes();
  readonly #parts: SpanParts;
  readonly #detail: DetailWriter;

  constructor(reader: WireReader, attributes: AttributeDecoder) {
    this.#reader = reader;
    this.#attributes = attributes;
    this.#marks = attributes.marks;
    this.#json = new JsonWriter(attributes.marks);
    this.#detail = new DetailWriter(attributes.marks);
    this.#object = new AttributeObject(attributes, this.#json);
    this.#parts = new SpanParts(reader, attributes);
  }

  /** Reads the span that the reader has entered; a reason instead of a row where it cannot be stored. */
  decode(origin: Origin, scope: Scope, slab: Slab): SpanRow | RejectReason {
    const { service, resource } = origin;
    const row: SpanRow = {
      traceId: "",
      spanId: "",
      parentSpanId: null,
      startNs: 0n,
      durationNs: 0n,
      service,
      name: "",
      kind: 0,
      status: 0,
      resource,
      operation: Operation.none,
      cluster: "",
      topic: null,
      partition: null,
      messageOffset: null,
      consumerGroup: null,
      messageKey: null,
      messageId: null,
      attempt: null,
      voidBefore: null,
      attributes: NO_BYTES,
      isReadable: true,
      detail: null,
      links: NONE,
      ranges: NONE,
    };
    this.#begin(origin, scope);
    this.#object.open();
    const endNs = this.#fields(row);
    this.#object.close();
    if (!isTraceId(row.traceId)) return "invalid_trace_id";
    if (!isSpanId(row.spanId)) return "invalid_span_id";
    this.#finish(row, endNs, scope, slab);
    return row;
  }

  #begin(origin: Origin, scope: Scope): void {
    this.#json.length = 0;
    this.#marks.begin(origin.marks | scope.marks);
    this.#facts.clear();
    this.#shared.clear();
    this.#parts.clear();
    this.#detail.begin(origin.resource, scope.json);
  }

  /** Reads every field; returns the end time. */
  #fields(row: SpanRow): bigint {
    const reader = this.#reader;
    const detail = this.#detail;
    let endNs = 0n;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case ATTRIBUTE:
          this.#object.add(this.#facts, this.#shared);
          break;
        case TRACE_ID:
          row.traceId = this.#hex();
          break;
        case SPAN_ID:
          row.spanId = this.#hex();
          break;
        case PARENT_SPAN_ID:
          row.parentSpanId = this.#hex();
          break;
        case NAME:
          row.name = this.#attributes.text(NAME_LENGTH_MAX);
          break;
        case KIND:
          row.kind = reader.uint32();
          break;
        case START_TIME:
          row.startNs = reader.fixed64();
          break;
        case END_TIME:
          endNs = reader.fixed64();
          break;
        case EVENT:
          this.#parts.event();
          break;
        case LINK:
          this.#parts.link();
          break;
        case STATUS:
          this.#status(row);
          break;
        case FLAGS:
          detail.flags = reader.fixed32();
          break;
        case TRACE_STATE:
          detail.traceState = this.#attributes.text(TEXT_LENGTH_MAX);
          break;
        case DROPPED_ATTRIBUTES:
          detail.droppedAttributes = reader.uint32();
          break;
        case DROPPED_EVENTS:
          detail.droppedEvents = reader.uint32();
          break;
        case DROPPED_LINKS:
          detail.droppedLinks = reader.uint32();
          break;
        default:
          reader.skip(tag);
      }
    }
    return endNs;
  }

  #status(row: SpanRow): void {
    const reader = this.#reader;
    const outer = reader.enter();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === STATUS_CODE) row.status = reader.uint32();
      else if (tag === STATUS_MESSAGE) this.#detail.statusMessage = this.#attributes.text(TEXT_LENGTH_MAX);
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #finish(row: SpanRow, endNs: bigint, scope: Scope, slab: Slab): void {
    const parts = this.#parts;
    const marks = this.#marks;
    if (row.kind > KIND_MAX) row.kind = 0;
    if (row.status > STATUS_MAX) row.status = 0;
    if (row.parentSpanId !== null && !isSpanId(row.parentSpanId)) {
      // Empty or zero is how a root is spelled.
      if (row.parentSpanId.length !== 0 && row.parentSpanId.length !== 16) marks.add(Mark.invalidParentId);
      row.parentSpanId = null;
    }
    const times = storableTimes(row.startNs, endNs);
    row.startNs = times.startNs;
    row.durationNs = times.durationNs;
    row.links = parts.links;
    marks.add(times.marks);
    if (this.#facts.isAny) marks.add(normalise(row, this.#facts, parts, scope.name));
    this.#detail.droppedAttributes += this.#object.dropped;
    row.detail = this.#detail.end(parts, slab);
    row.resource = this.#detail.resource;
    if (row.detail === null) row.resource = this.#shared.take(row, row.resource, this.#json);
    row.attributes = slab.keep(this.#json.bytes, 0, this.#json.length);
  }

  #hex(): string {
    const start = this.#reader.take();
    return this.#reader.bytes.toString("hex", start, this.#reader.at);
  }
}
