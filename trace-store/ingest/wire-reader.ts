import { MalformedError } from "./malformed.ts";

/** Protobuf's wire types: the low three bits of a tag. */
export const WIRE = { varint: 0, fixed64: 1, length: 2, startGroup: 3, endGroup: 4, fixed32: 5 } as const;

const VARINT_BYTES_MAX = 10;
/** Groups inside groups. protobuf's own limit for messages. */
const GROUP_DEPTH_MAX = 100;
const TWO_POW_32 = 4_294_967_296;

const wordBytes = new Uint8Array(8);
const wordView = new DataView(wordBytes.buffer);

function truncated(): never {
  throw new MalformedError("truncated", "A field reaches beyond the end of its message.");
}

function invalid(what: string): never {
  throw new MalformedError("invalid_protobuf", `The bytes are not protobuf: ${what}.`);
}

/**
 * Reads protobuf's wire format. `end` is always the end of the message being read, so every read is bounded by its parent.
 *
 * A number is read first and its end compared afterwards: past the buffer there is `undefined`, which ends a varint.
 */
export class WireReader {
  bytes: Buffer = Buffer.alloc(0);
  at = 0;
  end = 0;

  /** Starts on other bytes. */
  open(bytes: Buffer): void {
    this.bytes = bytes;
    this.at = 0;
    this.end = bytes.length;
  }

  /** Forgets the bytes, so that a reader kept for the next request does not keep them. */
  close(): void {
    this.open(Buffer.alloc(0));
  }

  /** Reads a field's tag: its number times eight plus its wire type. */
  tag(): number {
    const first = this.bytes[this.at] as number;
    // Fields 1 to 15, nearly all of OTLP.
    if (first < 0x80 && first > 7 && this.at < this.end) {
      this.at++;
      return first;
    }
    const tag = this.#short(0x0f, "a tag of more than 32 bits");
    if (tag < 8) invalid("field number 0");
    return tag;
  }

  /** Reads the length of a nested message and makes its end the reader's end; {@link leave} takes what this returns. */
  enter(): number {
    const length = this.#short(0x07, "a length of more than 31 bits");
    const outer = this.end;
    const inner = this.at + length;
    if (inner > outer) truncated();
    this.end = inner;
    return outer;
  }

  /** Goes on in the outer message. A nested one is always read to its end: every read below it is bounded. */
  leave(outer: number): void {
    this.at = this.end;
    this.end = outer;
  }

  /** Passes over a string or bytes and returns where it starts; it ends at `at`. */
  take(): number {
    const length = this.#short(0x07, "a length of more than 31 bits");
    const start = this.at;
    if (start + length > this.end) truncated();
    this.at = start + length;
    return start;
  }

  /** Reads a varint's low 32 bits, unsigned: as protobuf reads a uint32 or an enum. */
  uint32(): number {
    const { bytes } = this;
    let at = this.at;
    let byte = bytes[at++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      if (shift === 7 * VARINT_BYTES_MAX) invalid("a varint of more than 10 bytes");
      byte = bytes[at++] as number;
      if (shift < 32) value |= (byte & 0x7f) << shift;
    }
    if (at > this.end) truncated();
    this.at = at;
    return value >>> 0;
  }

  /** Reads a signed 64-bit varint: a number where it is exact, a bigint beyond 2^53. */
  int64(): number | bigint {
    const { bytes } = this;
    let at = this.at;
    let low = 0;
    let high = 0;
    let byte = 0x80;
    for (let shift = 0; byte > 0x7f; shift += 7) {
      if (shift === 7 * VARINT_BYTES_MAX) invalid("a varint of more than 10 bytes");
      byte = bytes[at++] as number;
      const bits = byte & 0x7f;
      if (shift < 32) low |= bits << shift;
      if (shift === 28) high |= bits >> 4;
      if (shift > 28) high |= bits << (shift - 32);
    }
    if (at > this.end) truncated();
    this.at = at;
    const value = high * TWO_POW_32 + (low >>> 0);
    return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low >>> 0);
  }

  fixed32(): number {
    return this.bytes.readUInt32LE(this.#fixed(4));
  }

  /** One bigint is made; Node's own way makes five. */
  fixed64(): bigint {
    const { bytes } = this;
    const start = this.#fixed(8);
    for (let i = 0; i < 8; i++) wordBytes[i] = bytes[start + i] as number;
    return wordView.getBigUint64(0, true);
  }

  double(): number {
    return this.bytes.readDoubleLE(this.#fixed(8));
  }

  /** Passes over the value of a field that nobody knows, groups included. */
  skip(tag: number, depth = 0): void {
    switch (tag & 7) {
      case WIRE.varint:
        this.uint32();
        return;
      case WIRE.fixed64:
        this.#fixed(8);
        return;
      case WIRE.length:
        this.take();
        return;
      case WIRE.startGroup:
        this.#skipGroup(tag >>> 3, depth);
        return;
      case WIRE.fixed32:
        this.#fixed(4);
        return;
      default:
        invalid(`wire type ${tag & 7} where a field begins`);
    }
  }

  #skipGroup(field: number, depth: number): void {
    if (depth === GROUP_DEPTH_MAX) invalid(`more than ${GROUP_DEPTH_MAX} groups inside each other`);
    for (;;) {
      const tag = this.tag();
      if ((tag & 7) !== WIRE.endGroup) this.skip(tag, depth + 1);
      else if (tag >>> 3 === field) return;
      else invalid("a group that ends as another one");
    }
  }

  #fixed(length: number): number {
    const start = this.at;
    if (start + length > this.end) truncated();
    this.at = start + length;
    return start;
  }

  /** Reads a varint of at most five bytes, whose fifth holds no more than `fifthMax`. */
  #short(fifthMax: number, what: string): number {
    const { bytes } = this;
    let at = this.at;
    let byte = bytes[at++] as number;
    let value = byte & 0x7f;
    for (let shift = 7; byte > 0x7f; shift += 7) {
      byte = bytes[at++] as number;
      if (shift === 28 && byte > fifthMax) invalid(what);
      value |= (byte & 0x7f) << shift;
    }
    if (at > this.end) truncated();
    this.at = at;
    return value >>> 0;
  }
}
