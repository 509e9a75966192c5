import { JsonWriter } from "./json-writer.ts";
import { markNames, type Marks } from "./sanitise.ts";
import type { Slab } from "./slab.ts";
import type { SpanParts } from "./span-parts.ts";

/**
 * Writes `SpanRow.detail`, what Jaeger shows and nobody asks by. Its keys, each only where there is something to say:
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
  #scope: Buffer | null = null;
  /** The detail of a span with nothing but scope and flags: that of most, so one copy serves all of a scope. */
  #plain: Buffer | null = null;
  #plainFlags = -1;
  #plainSlab: Slab | null = null;

  constructor(marks: Marks) {
    this.#marks = marks;
    this.#json = new JsonWriter(marks);
  }

  begin(scope: Buffer | null): void {
    if (scope !== this.#scope) this.#plainSlab = null;
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
    if (isPlain && this.#plainFlags === this.flags && this.#plainSlab === slab) return this.#plain;
    const json = this.#json;
    json.length = 0;
    json.raw("{");
    if (this.#scope) this.#copy("scope", this.#scope, this.#scope.length);
    if (this.flags !== 0) this.#number("flags", this.flags);
    if (this.traceState !== "") this.#text("state", this.traceState);
    if (this.statusMessage !== "") this.#text("status", this.statusMessage);
    if (eventsJson.length > 0) this.#copy("events", eventsJson.bytes, eventsJson.length, "]");
    if (linksJson.length > 0) this.#copy("links", linksJson.bytes, linksJson.length, "]");
    if (isAnyDropped) this.#value("dropped", dropped);
    if (bits !== 0) this.#value("sanitized", markNames(bits));
    if (cuts.size > 0) this.#value("cut", Object.fromEntries(cuts));
    json.raw("}");
    const detail = json.length === 2 ? null : slab.keep(json.bytes, 0, json.length);
    if (isPlain) {
      this.#plain = detail;
      this.#plainFlags = this.flags;
      this.#plainSlab = slab;
    }
    return detail;
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
