import { DEPTH_MAX } from "./bounds.ts";
import {
  doubleIn,
  enumIn,
  idIn,
  integerIn,
  objectIn,
  objectsIn,
  textIn,
  type JsonObject,
} from "./json-fields.ts";
import { WireWriter } from "./wire-writer.ts";

const KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"].map(
  (name) => `SPAN_KIND_${name}`,
);
const STATUS_CODES = ["UNSET", "OK", "ERROR"].map((name) => `STATUS_CODE_${name}`);

/** Rewrites OTLP/JSON as OTLP protobuf, so that one decoder, with one set of rules, reads both. */
export class JsonToWire {
  readonly #wire = new WireWriter();

  rewrite(request: JsonObject): Buffer {
    this.#each(1, objectsIn(request, "resourceSpans"), (resourceSpans) => {
      this.#one(1, objectIn(resourceSpans, "resource"), (it) => this.#attributes(1, it));
      this.#each(2, objectsIn(resourceSpans, "scopeSpans"), (scopeSpans) => this.#scopeSpans(scopeSpans));
    });
    return this.#wire.written();
  }

  #scopeSpans(scopeSpans: JsonObject): void {
    this.#one(1, objectIn(scopeSpans, "scope"), (scope) => {
      this.#wire.text(1, textIn(scope, "name"));
      this.#wire.text(2, textIn(scope, "version"));
      this.#attributes(3, scope);
    });
    this.#each(2, objectsIn(scopeSpans, "spans"), (span) => this.#span(span));
  }

  #span(span: JsonObject): void {
    const wire = this.#wire;
    wire.binary(1, idIn(span, "traceId"));
    wire.binary(2, idIn(span, "spanId"));
    wire.text(3, textIn(span, "traceState"));
    wire.binary(4, idIn(span, "parentSpanId"));
    wire.text(5, textIn(span, "name"));
    wire.varint(6, enumIn(span, "kind", KINDS));
    wire.fixed64(7, BigInt.asUintN(64, integerIn(span, "startTimeUnixNano")));
    wire.fixed64(8, BigInt.asUintN(64, integerIn(span, "endTimeUnixNano")));
    this.#attributes(9, span);
    wire.varint(10, integerIn(span, "droppedAttributesCount"));
    this.#each(11, objectsIn(span, "events"), (event) => this.#event(event));
    wire.varint(12, integerIn(span, "droppedEventsCount"));
    this.#each(13, objectsIn(span, "links"), (link) => this.#link(link));
    wire.varint(14, integerIn(span, "droppedLinksCount"));
    this.#one(15, objectIn(span, "status"), (status) => {
      wire.text(2, textIn(status, "message"));
      wire.varint(3, enumIn(status, "code", STATUS_CODES));
    });
    wire.fixed32(16, Number(BigInt.asUintN(32, integerIn(span, "flags"))));
  }

  #event(event: JsonObject): void {
    this.#wire.fixed64(1, BigInt.asUintN(64, integerIn(event, "timeUnixNano")));
    this.#wire.text(2, textIn(event, "name"));
    this.#attributes(3, event);
  }

  #link(link: JsonObject): void {
    this.#wire.binary(1, idIn(link, "traceId"));
    this.#wire.binary(2, idIn(link, "spanId"));
    this.#wire.text(3, textIn(link, "traceState"));
    this.#attributes(4, link);
  }

  #attributes(field: number, object: JsonObject): void {
    this.#each(field, objectsIn(object, "attributes"), (it) => this.#keyValue(it, 0));
  }

  #keyValue(keyValue: JsonObject, depth: number): void {
    this.#wire.text(1, textIn(keyValue, "key"));
    this.#one(2, objectIn(keyValue, "value"), (value) => this.#anyValue(value, depth));
  }

  #anyValue(value: JsonObject, depth: number): void {
    const wire = this.#wire;
    const has = (key: string): boolean => value[key] !== undefined && value[key] !== null;
    if (has("stringValue")) wire.text(1, textIn(value, "stringValue"));
    else if (has("boolValue")) wire.varint(2, value["boolValue"] === true ? 1n : 0n);
    else if (has("intValue")) wire.varint(3, integerIn(value, "intValue"));
    else if (has("doubleValue")) wire.double(4, doubleIn(value, "doubleValue"));
    else if (has("bytesValue")) wire.binary(7, Buffer.from(textIn(value, "bytesValue"), "base64"));
    else if (has("arrayValue")) {
      this.#one(5, objectIn(value, "arrayValue"), (array) =>
        this.#elements(array, depth, (it) => this.#anyValue(it, depth + 1)),
      );
    } else if (has("kvlistValue")) {
      this.#one(6, objectIn(value, "kvlistValue"), (map) =>
        this.#elements(map, depth, (it) => this.#keyValue(it, depth + 1)),
      );
    }
  }

  /** What lies deeper than the decoder looks is not written. */
  #elements(composite: JsonObject, depth: number, write: (element: JsonObject) => void): void {
    if (depth < DEPTH_MAX) this.#each(1, objectsIn(composite, "values"), write);
  }

  #one(field: number, object: JsonObject | undefined, write: (object: JsonObject) => void): void {
    if (object) this.#wire.message(field, () => write(object));
  }

  #each(field: number, objects: readonly JsonObject[], write: (object: JsonObject) => void): void {
    for (const object of objects) this.#one(field, object, write);
  }
}
