/** Header of a record that stands for one that was not unpacked; its value is the reason. */
export const REFUSED_HEADER = "kafka-trail-refused";

/**
 * Makes uncompressed records that stand for those of a batch which was not unpacked.
 *
 * `compressed` is the slice that kafkajs hands a codec. The number of records stands in the four bytes before it
 * (KIP-98, RecordBatch), which the slice shares memory with; kafkajs will read exactly so many.
 */
export function refusedRecords(compressed: Buffer, reason: string): Buffer {
  const count = Buffer.from(compressed.buffer, compressed.byteOffset - 4, 4).readInt32BE(0);
  const header = Buffer.concat([varint(1), bytes(Buffer.from(REFUSED_HEADER)), bytes(Buffer.from(reason))]);
  const records: Buffer[] = [];
  for (let offsetDelta = 0; offsetDelta < count; offsetDelta++) {
    // Attributes, timestamp delta, offset delta, null key, null value, headers.
    const body = Buffer.concat([
      Buffer.from([0]),
      varint(0),
      varint(offsetDelta),
      varint(-1),
      varint(-1),
      header,
    ]);
    records.push(varint(body.length), body);
  }
  return Buffer.concat(records);
}

function bytes(value: Buffer): Buffer {
  return Buffer.concat([varint(value.length), value]);
}

/** A zigzag varint of 32 bits, as Kafka writes them. */
function varint(value: number): Buffer {
  let rest = ((value << 1) ^ (value >> 31)) >>> 0;
  const out: number[] = [];
  while (rest > 0x7f) {
    out.push((rest & 0x7f) | 0x80);
    rest >>>= 7;
  }
  out.push(rest);
  return Buffer.from(out);
}
