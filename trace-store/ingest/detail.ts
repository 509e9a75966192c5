import { createHash } from "node:crypto";
import type { ResourceRow } from "../span/span-row.ts";
import { JsonWriter } from "./json-writer.ts";
import { markNames, type Marks } from "./sanitise.ts";
import type { Slab } from "./slab.ts";
import type { SpanParts } from "./span-parts.ts";

const NO_RESOURCE: ResourceRow = { hash: "", attributes: Buffer.alloc(0), detail: null };
/** A longer detail stays with its span. So many are remembered, each with its resource. */
const SHARED_BYTES_MAX = 1_024;
const SHARED_MAX = 1_024;
const RESOURCE_BYTES_MAX = 2_048;
/** Of one scope: the W3C flags are a byte, of which one bit is in use, and OTLP adds two. */
const FLAGS_MAX = 64;

/**
 * Writes `SpanRow.detail`, what Jaeger shows and nobody asks by. Where it is scope and flags alone, as that of most spans,
 * it goes with the resource, which is stored once: 90 bytes less a span. Its keys, each only where there is something to say:
 *
 * - `scope`: `{ name, version, attributes? }` of the instrumentation
 * - `flags`: OTLP's, the W3C flags in the low byte
 * - `state`: the trace state
 * - `status`: the status message
 * - `events`: `[{ time, name, attributes }]`, `time` in nanoseconds as a string
 * - `links`: `[{ trace_id, span_id, state?, attributes }]`, only of links that have one of the last two
 * - `dropped`: `{ attributes, events, links }`, those the sender dropped and those we did
 * - `sanitized`: what was changed so that the span can be stored, e.g. `["invalid_utf8", "cut"]`
 * - `cut`: attribute key to the full length in bytes of a text in it that was cut
 */
export class DetailWriter {
  flags = 0;
  traceState = "";
  statusMessage = "";
  droppedAttributes = 0;
  droppedEvents = 0;
  droppedLinks = 0;
  readonly #marks: Marks;
  readonly #json: JsonWriter;
  /** The resource of the span that `end` was called for. */
  resource: ResourceRow = NO_RESOURCE;
  #origin: ResourceRow = NO_RESOURCE;
  #scope: Buffer | null = null;
  /** Resources together with a scope and flags, by the resource's hash and the detail. */
  readonly #shared = new Map<string, ResourceRow>();
  /** Of the spans of this scope and origin so far, by flags. */
  readonly #here = new Map<number, ResourceRow>();

  constructor(marks: Marks) {
    this.#marks = marks;
    this.#json = new JsonWriter(marks);
  }

  begin(origin: ResourceRow, scope: Buffer | null): void {
    if (scope !== this.#scope || origin !== this.#origin) this.#here.clear();
    this.#origin = this.resource = origin;
    this.#scope = scope;
    this.flags = this.droppedAttributes = this.droppedEvents = this.droppedLinks = 0;
    this.traceState = this.statusMessage = "";
  }

  end(parts: SpanParts, slab: Slab): Buffer | null {
    const { bits, cuts } = this.#marks;
    const { eventsJson, linksJson } = parts;
    const dropped = {
      attributes: this.droppedAttributes,
      events: this.droppedEvents + parts.eventsDropped,
      links: this.droppedLinks + parts.linksDropped,
    };
    const isAnyDropped = dropped.attributes + dropped.events + dropped.links > 0;
    const isPlain =
      eventsJson.length + linksJson.length + bits === 0 &&
      !isAnyDropped &&
      this.traceState === "" &&
      this.statusMessage === "";
    if (isPlain && (this.#scope?.length ?? 0) < SHARED_BYTES_MAX) {
      this.resource = this.#withScope();
      return null;
    }
    const json = this.#json;
    this.#open();
    if (this.traceState !== "") this.#text("state", this.traceState);
    if (this.statusMessage !== "") this.#text("status", this.statusMessage);
    if (eventsJson.length > 0) this.#copy("events", eventsJson.bytes, eventsJson.length, "]");
    if (linksJson.length > 0) this.#copy("links", linksJson.bytes, linksJson.length, "]");
    if (isAnyDropped) this.#value("dropped", dropped);
    if (bits !== 0) this.#value("sanitized", markNames(bits));
    if (cuts.size > 0) this.#value("cut", Object.fromEntries(cuts));
    json.raw("}");
    return slab.keep(json.bytes, 0, json.length);
  }

  #open(): void {
    this.#json.length = 0;
    this.#json.raw("{");
    if (this.#scope) this.#copy("scope", this.#scope, this.#scope.length);
    if (this.flags !== 0) this.#number("flags", this.flags);
  }

  #withScope(): ResourceRow {
    if (this.#scope === null && this.flags === 0) return this.#origin;
    const here = this.#here.get(this.flags);
    if (here !== undefined) return here;
    const json = this.#json;
    this.#open();
    json.raw("}");
    const found = this.#sharedOf(json.bytes.subarray(0, json.length));
    if (this.#here.size < FLAGS_MAX) this.#here.set(this.flags, found);
    return found;
  }

  #sharedOf(bytes: Buffer): ResourceRow {
    const key = this.#origin.hash + bytes.toString("latin1");
    const known = this.#shared.get(key);
    if (known !== undefined) return known;
    const { attributes } = this.#origin;
    const detail = Buffer.from(bytes);
    const hash = createHash("sha256").update(attributes).update("\0").update(detail).digest("hex");
    const made = { hash, attributes, detail };
    // It would keep the attributes too.
    if (attributes.length > RESOURCE_BYTES_MAX) return made;
    if (this.#shared.size === SHARED_MAX) this.#shared.clear();
    this.#shared.set(key, made);
    return made;
  }

  #key(key: string): void {
    this.#json.separate();
    this.#json.raw(`"${key}":`);
  }

  #copy(key: string, source: Buffer, length: number, end = ""): void {
    this.#key(key);
    this.#json.copy(source, 0, length);
    this.#json.raw(end);
  }

  #number(key: string, value: number): void {
    this.#key(key);
    this.#json.raw(String(value));
  }

  #text(key: string, text: string): void {
    this.#key(key);
    this.#json.text(text);
  }

  /** For what is rare. */
  #value(key: string, value: object): void {
    this.#key(key);
    const encoded = Buffer.from(JSON.stringify(value), "utf8");
    this.#json.copy(encoded, 0, encoded.length);
  }
}
