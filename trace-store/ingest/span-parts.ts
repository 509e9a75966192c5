import type { LinkRow } from "../span/span-row.ts";
import type { AttributeDecoder } from "./attribute-decoder.ts";
import { AttributeObject } from "./attribute-object.ts";
import { EVENTS_MAX, LINKS_MAX, NAME_LENGTH_MAX, OBJECT_BYTES_MAX, TEXT_LENGTH_MAX } from "./bounds.ts";
import { Facts } from "./facts.ts";
import { JsonWriter } from "./json-writer.ts";
import { linkPlaceOf, thrownBy, Thrown, type LinkPlace, type SpanContext } from "./normalise.ts";
import { isSpanId, isTraceId } from "./ids.ts";
import { Mark } from "./sanitise.ts";
import type { WireReader } from "./wire-reader.ts";

// Tags of Span.Event and Span.Link.
const EVENT_TIME = 9;
const EVENT_NAME = 18;
const EVENT_ATTRIBUTE = 26;
const LINK_TRACE_ID = 10;
const LINK_SPAN_ID = 18;
const LINK_TRACE_STATE = 26;
const LINK_ATTRIBUTE = 34;

const NO_LINKS: readonly LinkRow[] = [];
const NO_PLACES: readonly LinkPlace[] = [];

/** Reads the events and links of one span after the other. `json` holds those of them that the detail will show. */
export class SpanParts implements SpanContext {
  readonly eventsJson: JsonWriter;
  readonly linksJson: JsonWriter;
  links: readonly LinkRow[] = NO_LINKS;
  places: readonly LinkPlace[] = NO_PLACES;
  thrown: Thrown = Thrown.nothing;
  eventsDropped = 0;
  linksDropped = 0;
  #eventCount = 0;
  readonly #reader: WireReader;
  readonly #attributes: AttributeDecoder;
  readonly #eventObject: AttributeObject;
  readonly #linkObject: AttributeObject;
  readonly #facts = new Facts();

  constructor(reader: WireReader, attributes: AttributeDecoder) {
    this.#reader = reader;
    this.#attributes = attributes;
    this.eventsJson = new JsonWriter(attributes.marks);
    this.linksJson = new JsonWriter(attributes.marks);
    this.#eventObject = new AttributeObject(attributes, this.eventsJson);
    this.#linkObject = new AttributeObject(attributes, this.linksJson);
  }

  clear(): void {
    this.eventsJson.length = this.linksJson.length = 0;
    this.links = NO_LINKS;
    this.places = NO_PLACES;
    this.thrown = Thrown.nothing;
    this.eventsDropped = this.linksDropped = this.#eventCount = 0;
  }

  /** Reads the event at the reader. */
  event(): void {
    const reader = this.#reader;
    const json = this.eventsJson;
    const before = json.length;
    let timeNs = 0n;
    let name = "";
    // Before and not after: a request that turned out malformed may have left something.
    this.#facts.clear();
    json.raw(before === 0 ? "[" : ",");
    json.raw('{"attributes":');
    this.#eventObject.open();
    const outer = reader.enter();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === EVENT_TIME) timeNs = reader.fixed64();
      else if (tag === EVENT_NAME) name = this.#attributes.text(NAME_LENGTH_MAX);
      else if (tag === EVENT_ATTRIBUTE) this.#eventObject.add(this.#facts);
      else reader.skip(tag);
    }
    reader.leave(outer);
    this.#eventObject.close();
    this.thrown = thrownBy(name, this.#facts, this.thrown);
    json.raw(`,"time":"${timeNs}","name":`);
    json.text(name);
    json.raw("}");
    if (this.#eventCount < EVENTS_MAX && json.length < OBJECT_BYTES_MAX) {
      this.#eventCount++;
      return;
    }
    json.length = before;
    this.eventsDropped++;
  }

  /** Reads the link at the reader. */
  link(): void {
    const reader = this.#reader;
    const json = this.linksJson;
    const before = json.length;
    let traceId = "";
    let spanId = "";
    let traceState = "";
    this.#facts.clear();
    json.raw(before === 0 ? "[" : ",");
    json.raw('{"attributes":');
    this.#linkObject.open();
    const outer = reader.enter();
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === LINK_TRACE_ID) traceId = this.#hex();
      else if (tag === LINK_SPAN_ID) spanId = this.#hex();
      else if (tag === LINK_TRACE_STATE) traceState = this.#attributes.text(TEXT_LENGTH_MAX);
      else if (tag === LINK_ATTRIBUTE) this.#linkObject.add(this.#facts);
      else reader.skip(tag);
    }
    reader.leave(outer);
    this.#linkObject.close();
    this.#keepLink(before, { traceId, spanId }, traceState);
  }

  #keepLink(before: number, link: LinkRow, traceState: string): void {
    const json = this.linksJson;
    const isShown = !this.#linkObject.isEmpty || traceState !== "";
    const place = this.#facts.isAny ? linkPlaceOf(this.#facts) : null;
    const isValid = isTraceId(link.traceId) && isSpanId(link.spanId);
    const fits = this.links.length < LINKS_MAX && json.length < OBJECT_BYTES_MAX;
    if (!isValid) json.marks.add(Mark.invalidLink);
    else if (!fits) this.linksDropped++;
    if (isValid && fits) {
      if (this.links === NO_LINKS) this.links = [];
      (this.links as LinkRow[]).push(link);
    }
    if (place && this.places.length < LINKS_MAX) {
      if (this.places === NO_PLACES) this.places = [];
      (this.places as LinkPlace[]).push(place);
    }
    if (!isShown || !isValid || !fits) {
      json.length = before;
      return;
    }
    json.raw(`,"trace_id":"${link.traceId}","span_id":"${link.spanId}"`);
    if (traceState !== "") {
      json.raw(',"state":');
      json.text(traceState);
    }
    json.raw("}");
  }

  #hex(): string {
    const start = this.#reader.take();
    return this.#reader.bytes.toString("hex", start, this.#reader.at);
  }
}
