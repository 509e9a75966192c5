import { isUtf8 } from "node:buffer";
import { ATTRIBUTES_MAX, COMPOSITE_BYTES_MAX, DEPTH_MAX, KEY_BYTES_MAX, TEXT_BYTES_MAX } from "./bounds.ts";
import { Fact, factNamed, type Facts, type FactValue } from "./facts.ts";
import { Interner } from "./interner.ts";
import type { JsonWriter } from "./json-writer.ts";
import { type Shareable, shareableNamed } from "./shareable.ts";
import { type SeenText, seenText } from "./shared-sets.ts";
import { cutText, Mark, REPLACEMENT, withoutNul, type Marks } from "./sanitise.ts";
import type { WireReader } from "./wire-reader.ts";

// Tags of KeyValue, AnyValue, ArrayValue and KeyValueList: field number times eight plus wire type.
const KEY = 10;
const VALUE = 18;
const STRING = 10;
const BOOL = 16;
const INT = 24;
const DOUBLE = 33;
const ARRAY = 42;
const MAP = 50;
const BYTES = 58;
const ELEMENT = 10;

/** What stands in the JSON of a value so far. An array after an array goes on with it, as protobuf merges messages. */
const Written = { nothing: 0, scalar: 1, array: 2, map: 3 } as const;
type Written = (typeof Written)[keyof typeof Written];

const CLOSE_ARRAY = "]";
const CLOSE_MAP = "}";
const TOO_DEEP = '"[too deep]"';

/** True for facts whose values rarely come twice: looking for them among the known ones would be in vain. */
function isVaried(fact: Fact): boolean {
  return fact === Fact.key || fact === Fact.messageId || fact === Fact.origin;
}
const KEY_SLOTS = 2_048;
const TEXT_SLOTS = 4_096;

/** What is known of an attribute by its name alone. */
interface KnownName {
  readonly fact: Fact;
  readonly shareable: Shareable | null;
}

/** A text, and what had to be changed about it. */
interface DecodedText extends SeenText {
  readonly text: string;
  readonly marks: number;
}

function decodeText(bytes: Buffer, start: number, end: number): DecodedText {
  const text = withoutNul(bytes.toString("utf8", start, end));
  const { number } = seenText();
  if (!text.includes(REPLACEMENT)) return { text, marks: 0, number };
  const source = bytes.subarray(start, end);
  const marks = (isUtf8(source) ? 0 : Mark.invalidUtf8) | (source.includes(0) ? Mark.nul : 0);
  return { text, marks, number };
}

/**
 * Turns attributes on the wire into JSON, and tells {@link Facts} what those that speak of messages say.
 *
 * A value is written and measured afterwards: what does not fit is taken back, so that everything on the wire is read
 * and found sound (or not) whether it is kept or not.
 */
export class AttributeDecoder {
  readonly marks: Marks;
  /** Of the last attribute: where its value begins in its JSON, and the value where it is a text that has come before. */
  valueStart = 0;
  seenText: SeenText | null = null;
  readonly #reader: WireReader;
  readonly #names = new Interner<KnownName>(KEY_SLOTS, (bytes, start, end) => {
    const { text } = decodeText(bytes, start, end);
    return { fact: factNamed(text), shareable: shareableNamed(text) };
  });
  readonly #seen = new Interner<SeenText>(TEXT_SLOTS, seenText);
  readonly #texts = new Interner<DecodedText>(TEXT_SLOTS, decodeText);
  #keyStart = 0;
  #keyEnd = 0;
  /** The last scalar: a value, or a text still on the wire. */
  #scalar: number | bigint | boolean | null = null;
  #textStart = 0;
  #textEnd = -1;

  constructor(reader: WireReader, marks: Marks) {
    this.#reader = reader;
    this.marks = marks;
  }

  /** Reads a text that is no attribute: the name of a span, an event, a scope, the trace state. */
  text(lengthMax: number): string {
    const start = this.#reader.take();
    const text = this.#decoded(this.#texts.get(this.#reader.bytes, start, this.#reader.at));
    if (text.length <= lengthMax) return text;
    this.marks.add(Mark.cut);
    return cutText(text, lengthMax);
  }

  /** Writes the KeyValue at the reader as `"key":value`, and its fact, if any, into `facts`. Returns what its name says of sharing it. */
  attribute(json: JsonWriter, facts: Facts): Shareable | null {
    const written = this.#keyValue(json, 0);
    const { fact, shareable } = this.#names.get(this.#reader.bytes, this.#keyStart, this.#keyEnd);
    this.seenText = null;
    if (fact !== Fact.none) facts.set(fact, this.#factValue(fact, written, json));
    else if (shareable !== null && written === Written.scalar && this.#textEnd >= 0) {
      const text = this.#seen.get(this.#reader.bytes, this.#textStart, this.#textEnd);
      if (this.#seen.isRemembered) this.seenText = text;
    }
    return shareable;
  }

  #keyValue(json: JsonWriter, depth: number): Written {
    const reader = this.#reader;
    const outer = reader.enter();
    const start = reader.at;
    this.#findKey();
    const keyStart = this.#keyStart;
    const keyEnd = this.#keyEnd;
    json.separate();
    json.utf8(reader.bytes, keyStart, this.#cut(keyStart, keyEnd, KEY_BYTES_MAX));
    json.raw(":");
    const valueStart = json.length;
    if (depth === 0) this.valueStart = valueStart;
    let written: Written = Written.nothing;
    reader.at = start;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag !== VALUE) {
        reader.skip(tag);
        continue;
      }
      const value = reader.enter();
      written = this.#anyValue(json, valueStart, written, depth);
      reader.leave(value);
    }
    if (written === Written.nothing) json.raw("null");
    reader.leave(outer);
    this.#keyStart = keyStart;
    this.#keyEnd = keyEnd;
    return written;
  }

  /** The key may stand after the value, or twice; the last one counts. */
  #findKey(): void {
    const reader = this.#reader;
    this.#keyStart = this.#keyEnd = reader.at;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      if (tag === KEY) {
        this.#keyStart = reader.take();
        this.#keyEnd = reader.at;
      } else reader.skip(tag);
    }
  }

  #anyValue(json: JsonWriter, start: number, before: Written, depth: number): Written {
    const reader = this.#reader;
    let written = before;
    while (reader.at < reader.end) {
      const tag = reader.tag();
      switch (tag) {
        case ARRAY:
        case MAP:
          written = this.#composite(json, start, written, tag, depth);
          break;
        case STRING:
        case BOOL:
        case INT:
        case DOUBLE:
        case BYTES:
          json.length = start;
          this.#writeScalar(json, tag);
          written = Written.scalar;
          break;
        default:
          reader.skip(tag);
      }
    }
    return written;
  }

  #writeScalar(json: JsonWriter, tag: number): void {
    const reader = this.#reader;
    this.#textEnd = -1;
    this.#scalar = null;
    if (tag === STRING) {
      const start = reader.take();
      this.#textStart = start;
      this.#textEnd = this.#cut(start, reader.at, TEXT_BYTES_MAX);
      json.utf8(reader.bytes, start, this.#textEnd);
    } else if (tag === INT) {
      this.#scalar = reader.int64();
      json.int(this.#scalar);
    } else if (tag === BOOL) {
      this.#scalar = reader.int64() !== 0;
      json.raw(this.#scalar ? "true" : "false");
    } else if (tag === DOUBLE) {
      this.#scalar = reader.double();
      json.double(this.#scalar);
    } else {
      const start = reader.take();
      const length = Math.min(reader.at - start, TEXT_BYTES_MAX);
      if (length < reader.at - start) this.#noteCut(reader.at - start);
      json.base64(reader.bytes, start, start + length);
    }
  }

  #composite(json: JsonWriter, start: number, before: Written, tag: number, depth: number): Written {
    const reader = this.#reader;
    const outer = reader.enter();
    if (depth === DEPTH_MAX) {
      json.length = start;
      json.raw(TOO_DEEP);
      this.marks.add(Mark.tooDeep);
      reader.leave(outer);
      return Written.scalar;
    }
    const kind = tag === ARRAY ? Written.array : Written.map;
    if (before === kind) json.length -= 1;
    else {
      json.length = start;
      json.raw(tag === ARRAY ? "[" : "{");
    }
    while (reader.at < reader.end) {
      const inner = reader.tag();
      if (inner === ELEMENT) this.#element(json, kind, depth + 1);
      else reader.skip(inner);
    }
    json.raw(tag === ARRAY ? CLOSE_ARRAY : CLOSE_MAP);
    reader.leave(outer);
    return kind;
  }

  #element(json: JsonWriter, kind: Written, depth: number): void {
    const reader = this.#reader;
    const before = json.length;
    if (kind === Written.map) {
      const keyStart = this.#keyStart;
      const keyEnd = this.#keyEnd;
      this.#keyValue(json, depth);
      this.#keyStart = keyStart;
      this.#keyEnd = keyEnd;
    } else {
      const outer = reader.enter();
      json.separate();
      const written = this.#anyValue(json, json.length, Written.nothing, depth);
      if (written === Written.nothing) json.raw("null");
      reader.leave(outer);
    }
    if (json.length - this.valueStart <= COMPOSITE_BYTES_MAX) return;
    json.length = before;
    this.marks.add(Mark.cut);
  }

  /** Returns where a text ends that may take `bytesMax` at most: never inside a character. */
  #cut(start: number, end: number, bytesMax: number): number {
    if (end - start <= bytesMax) return end;
    this.#noteCut(end - start);
    let cut = start + bytesMax;
    while (cut > start && ((this.#reader.bytes[cut] as number) & 0xc0) === 0x80) cut--;
    return cut;
  }

  #noteCut(bytes: number): void {
    this.marks.add(Mark.cut);
    if (this.marks.cuts.size === ATTRIBUTES_MAX) return;
    const keyEnd = Math.min(this.#keyEnd, this.#keyStart + KEY_BYTES_MAX);
    const key = decodeText(this.#reader.bytes, this.#keyStart, keyEnd).text;
    this.marks.cuts.set(key, Math.max(bytes, this.marks.cuts.get(key) ?? 0));
  }

  #factValue(fact: Fact, written: Written, json: JsonWriter): FactValue {
    if (written === Written.array) return strings(json, this.valueStart);
    if (written !== Written.scalar) return null;
    if (this.#textEnd < 0) return this.#scalar;
    const { bytes } = this.#reader;
    if (isVaried(fact)) return this.#decoded(decodeText(bytes, this.#textStart, this.#textEnd));
    const text = this.#texts.get(bytes, this.#textStart, this.#textEnd);
    if (this.#texts.isRemembered) this.seenText = text;
    return this.#decoded(text);
  }

  #decoded({ text, marks }: DecodedText): string {
    this.marks.add(marks);
    return text;
  }
}

/** Reads back an array that was just written: a rare one. */
function strings(json: JsonWriter, start: number): string[] {
  const elements = JSON.parse(json.bytes.toString("utf8", start, json.length)) as unknown[];
  return elements.filter((element) => typeof element === "string");
}
