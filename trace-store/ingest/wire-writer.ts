const START_BYTES = 65_536;
/** A length is written before its message is, so its varint always takes five bytes; protobuf allows the padding. */
const LENGTH_BYTES = 5;

/** Writes protobuf's wire format: as much of it as OTLP/JSON needs to become OTLP protobuf. */
export class WireWriter {
  #bytes: Buffer = Buffer.allocUnsafeSlow(START_BYTES);
  #length = 0;

  /** Returns what was written so far. */
  written(): Buffer {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Writes a field that is a message, whose own fields `write` writes. */
  message(field: number, write: () => void): void {
    this.#tag(field, 2);
    this.#reserve(LENGTH_BYTES);
    const start = this.#length + LENGTH_BYTES;
    this.#length = start;
    write();
    let rest = this.#length - start;
    for (let i = 0; i < LENGTH_BYTES; i++) {
      const isLast = i === LENGTH_BYTES - 1;
      this.#bytes[start - LENGTH_BYTES + i] = isLast ? rest : (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
  }

  text(field: number, text: string): void {
    this.binary(field, Buffer.from(text, "utf8"));
  }

  binary(field: number, bytes: Buffer): void {
    this.#tag(field, 2);
    this.#varint(BigInt(bytes.length));
    this.#reserve(bytes.length);
    this.#length += bytes.copy(this.#bytes, this.#length);
  }

  /** Writes an int64, an enum or a bool. */
  varint(field: number, value: bigint): void {
    this.#tag(field, 0);
    this.#varint(BigInt.asUintN(64, value));
  }

  fixed32(field: number, value: number): void {
    this.#tag(field, 5);
    this.#reserve(4);
    this.#length = this.#bytes.writeUInt32LE(value, this.#length);
  }

  fixed64(field: number, value: bigint): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#length = this.#bytes.writeBigUInt64LE(value, this.#length);
  }

  double(field: number, value: number): void {
    this.#tag(field, 1);
    this.#reserve(8);
    this.#length = this.#bytes.writeDoubleLE(value, this.#length);
  }

  #tag(field: number, wireType: number): void {
    this.#varint(BigInt(field * 8 + wireType));
  }

  #varint(value: bigint): void {
    this.#reserve(10);
    let rest = value;
    while (rest > 0x7fn) {
      this.#bytes[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#bytes[this.#length++] = Number(rest);
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, needed));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}
