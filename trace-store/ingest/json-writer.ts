import { isUtf8 } from "node:buffer";
import { Mark, type Marks } from "./sanitise.ts";

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const OPEN_OBJECT = 0x7b;
const SPACE = 0x20;
const HEX = Buffer.from("0123456789abcdef", "latin1");
/** Bytes that one byte of text needs at most: `\u001f`. */
const ESCAPED_BYTES_MAX = 6;
const START_BYTES = 65_536;

/**
 * Writes JSON as UTF-8 bytes that Postgres takes as `jsonb`: no NUL, no invalid UTF-8, no number that is none.
 *
 * One writer serves span after span: `length = 0` starts again, and a smaller `length` takes back what was written.
 * Text goes from the wire's bytes to JSON's bytes without a string between them (twice as fast, measured).
 */
export class JsonWriter {
  bytes: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  length = 0;
  readonly marks: Marks;

  constructor(marks: Marks) {
    this.marks = marks;
  }

  /** Writes ASCII that needs no quoting: punctuation, numbers, names of ours. */
  raw(ascii: string): void {
    this.#reserve(ascii.length);
    const { bytes } = this;
    let { length } = this;
    for (let i = 0; i < ascii.length; i++) bytes[length++] = ascii.charCodeAt(i);
    this.length = length;
  }

  /** Writes the comma before an element, unless it is the first of its array or object. */
  separate(): void {
    const last = this.bytes[this.length - 1];
    if (last === OPEN_OBJECT || last === OPEN_ARRAY) return;
    this.#reserve(1);
    this.bytes[this.length++] = COMMA;
  }

  /** Writes a part of `source`, which should be UTF-8, as a JSON string. */
  utf8(source: Uint8Array, start: number, end: number): void {
    this.#reserve((end - start) * ESCAPED_BYTES_MAX + 2);
    const { bytes } = this;
    const from = this.length;
    let length = from;
    let seen = 0;
    bytes[length++] = QUOTE;
    for (let i = start; i < end; i++) {
      const byte = source[i] as number;
      seen |= byte;
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) bytes[length++] = byte;
      else length = this.#escape(byte, length);
    }
    bytes[length++] = QUOTE;
    this.length = length;
    if (seen > 0x7f && !isUtf8(source.subarray(start, end))) this.#repair(source, start, end, from);
  }

  /** Writes a string as JSON. */
  text(text: string): void {
    const encoded = Buffer.from(text, "utf8");
    this.utf8(encoded, 0, encoded.length);
  }

  /** Writes bytes as base64. */
  base64(source: Buffer, start: number, end: number): void {
    this.raw(`"${source.toString("base64", start, end)}"`);
  }

  /** Writes a whole number; beyond 2^53 as a string, which no reader rounds. */
  int(value: number | bigint): void {
    this.raw(typeof value === "bigint" ? `"${value}"` : String(value));
  }

  /** Writes a number; what JSON has no number for is spelled, as protobuf's own JSON does. */
  double(value: number): void {
    this.raw(Number.isFinite(value) ? String(value) : `"${value}"`);
  }

  /** Writes what another writer, or an earlier copy of one, holds. */
  copy(source: Uint8Array, start: number, end: number): void {
    this.#reserve(end - start);
    this.bytes.set(source.subarray(start, end), this.length);
    this.length += end - start;
  }

  #escape(byte: number, at: number): number {
    const { bytes } = this;
    let length = at;
    if (byte === QUOTE || byte === BACKSLASH) {
      bytes[length++] = BACKSLASH;
      bytes[length++] = byte;
    } else if (byte === 0) {
      // U+FFFD. `jsonb` refuses \u0000, and with it the whole write.
      this.marks.add(Mark.nul);
      bytes[length++] = 0xef;
      bytes[length++] = 0xbf;
      bytes[length++] = 0xbd;
    } else {
      bytes[length++] = BACKSLASH;
      bytes[length++] = 0x75;
      bytes[length++] = 0x30;
      bytes[length++] = 0x30;
      bytes[length++] = HEX[byte >> 4] as number;
      bytes[length++] = HEX[byte & 15] as number;
    }
    return length;
  }

  #repair(source: Uint8Array, start: number, end: number, from: number): void {
    this.length = from;
    this.marks.add(Mark.invalidUtf8);
    this.text(Buffer.from(source.buffer, source.byteOffset + start, end - start).toString("utf8"));
  }

  #reserve(count: number): void {
    const needed = this.length + count;
    if (needed <= this.bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.bytes.length * 2, needed));
    this.bytes.copy(grown, 0, 0, this.length);
    this.bytes = grown;
  }
}
