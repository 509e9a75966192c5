import type { SpanRow } from "../span/span-row.ts";
import { AttributeDecoder } from "./attribute-decoder.ts";
import { SPANS_MAX } from "./bounds.ts";
import { loneRequest, resourceBytes } from "./lone-span.ts";
import { MalformedError } from "./malformed.ts";
import { OriginDecoder, type Origin, type Scope } from "./origin.ts";
import { Marks } from "./sanitise.ts";
import { Slab } from "./slab.ts";
import { SpanDecoder, type RejectReason } from "./span-decoder.ts";
import { WireReader } from "./wire-reader.ts";

export { MalformedError, type MalformedReason } from "./malformed.ts";
export type { RejectReason } from "./span-decoder.ts";

/** A span that cannot be stored, among others that can. */
export interface RejectedSpan {
  readonly reason: RejectReason;
  /** A request of this span alone, with the resource it came with: what it takes to decode it again. */
  readonly bytes: Buffer;
}

/** What one request held. Nothing in it refers to the request's own bytes. */
export interface Decoded {
  readonly rows: SpanRow[];
  readonly rejected: RejectedSpan[];
}

const NO_BYTES = Buffer.alloc(0);
// Tags of TracesData (on the wire the same as ExportTraceServiceRequest), ResourceSpans and ScopeSpans.
const RESOURCE_SPANS = 10;
const SCOPE_SPANS = 18;
const SPAN = 18;

/** Attributes take about as much as JSON as they took on the wire. */
const KEPT_SHARE = 1.1;
/** Of one request, so much is kept of resources beside rejected spans: each has its own copy. */
const RESOURCES_KEPT_BYTES_MAX = 1_048_576;

/** Decodes OTLP protobuf. One decoder serves any number of requests, one after the other. */
export class TracesDecoder {
  readonly #reader: WireReader;
  readonly #origins: OriginDecoder;
  readonly #spans: SpanDecoder;
  #rows: SpanRow[] = [];
  #rejected: RejectedSpan[] = [];
  #resourceSpansStart = 0;
  #resourceSpansEnd = 0;
  #resourcesKeptBytes = 0;

  constructor(reader = new WireReader()) {
    const attributes = new AttributeDecoder(reader, new Marks());
    this.#reader = reader;
    this.#origins = new OriginDecoder(reader, attributes);
    this.#spans = new SpanDecoder(reader, attributes);
  }

  /** Decodes `TracesData` or `ExportTraceServiceRequest`; throws {@link MalformedError} when the bytes are neither. */
  decode(bytes: Buffer): Decoded {
    const reader = this.#reader;
    const slab = new Slab(Math.ceil(bytes.length * KEPT_SHARE));
    this.#rows = [];
    this.#rejected = [];
    this.#resourcesKeptBytes = 0;
    reader.open(bytes);
    try {
      while (reader.at < reader.end) {
        const tag = reader.tag();
        if (tag === RESOURCE_SPANS) this.#resourceSpans(slab);
        else reader.skip(tag);
      }
      return { rows: this.#rows, rejected: this.#rejected };
    } finally {
      reader.close();
      this.#rows = [];
      this.#rejected = [];
    }
  }

  #resourceSpans(slab: Slab): void {
    const reader = this.#reader;
    const outer = reader.enter();
    this.#resourceSpansStart = reader.at;
    this.#resourceSpansEnd = reader.end;
    const origin = this.#origins.origin();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === SCOPE_SPANS) this.#scopeSpans(origin, slab);
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #scopeSpans(origin: Origin, slab: Slab): void {
    const reader = this.#reader;
    const outer = reader.enter();
    const scope = this.#origins.scope();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === SPAN) this.#span(origin, scope, slab);
      else reader.skip(tag);
    }
    reader.leave(outer);
  }

  #span(origin: Origin, scope: Scope, slab: Slab): void {
    const reader = this.#reader;
    if (this.#rows.length + this.#rejected.length === SPANS_MAX) {
      throw new MalformedError(
        "too_many_spans",
        `The request holds more than ${SPANS_MAX} spans. Let the sender export smaller batches.`,
      );
    }
    const outer = reader.enter();
    const start = reader.at;
    const row = this.#spans.decode(origin, scope, slab);
    if (typeof row === "string") this.#reject(row, reader.bytes.subarray(start, reader.end));
    else this.#rows.push(row);
    reader.leave(outer);
  }

  #reject(reason: RejectReason, span: Buffer): void {
    const isRoom = this.#resourcesKeptBytes < RESOURCES_KEPT_BYTES_MAX;
    const resource = isRoom
      ? resourceBytes(this.#reader, this.#resourceSpansStart, this.#resourceSpansEnd)
      : NO_BYTES;
    this.#resourcesKeptBytes += resource.length;
    this.#rejected.push({ reason, bytes: loneRequest(span, resource) });
  }
}

const decoder = new TracesDecoder();

/**
 * Decodes one OTLP protobuf request to rows, normalised and fit to be stored.
 *
 * A span without a valid id is rejected alone; throws {@link MalformedError} when the bytes are not a request of spans.
 */
export function decodeTraces(bytes: Buffer): Decoded {
  return decoder.decode(bytes);
}
