// How much a compressed batch would unpack to, told before it is unpacked. Both libraries unpack in one go and take no limit.

const XERIAL_MAGIC = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00]);
/** Magic, version and compatible version (snappy-java, SnappyCodec). */
const XERIAL_HEADER_BYTES = 16;

/** Splits a batch into its bare snappy blocks. */
export function snappyBlocks(bytes: Buffer): Buffer[] {
  if (!bytes.subarray(0, XERIAL_MAGIC.length).equals(XERIAL_MAGIC)) return [bytes];
  const blocks: Buffer[] = [];
  let at = XERIAL_HEADER_BYTES;
  while (at < bytes.length) {
    const length = bytes.readUInt32BE(at);
    if (at + 4 + length > bytes.length) throw new RangeError("a snappy block ends beyond its batch");
    blocks.push(bytes.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return blocks;
}

/** The unpacked length that a snappy block begins with (snappy format description, section 1). */
export function snappyBytes(block: Buffer): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = block[i] ?? 0;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) break;
  }
  return length;
}

const LZ4_MAGIC = 0x184d2204;
/** Block sizes by their code in the frame descriptor (LZ4 frame format 1.6, "BD byte"). */
const LZ4_BLOCK_BYTES: Readonly<Record<number, number>> = {
  4: 65_536,
  5: 262_144,
  6: 1_048_576,
  7: 4_194_304,
};

/** The most that an LZ4 frame can unpack to: its number of blocks times their largest size. */
export function lz4BytesMax(frame: Buffer): number {
  if (frame.length < 7 || frame.readUInt32LE(0) !== LZ4_MAGIC) throw new RangeError("no LZ4 frame");
  const flags = frame.readUInt8(4);
  const blockBytes = LZ4_BLOCK_BYTES[(frame.readUInt8(5) >> 4) & 7];
  if (blockBytes === undefined) throw new RangeError("an LZ4 frame with an unknown block size");
  const hasBlockChecksum = (flags & 0x10) !== 0;
  let at = 7 + ((flags & 0x08) !== 0 ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0);
  let total = 0;
  while (at + 4 <= frame.length) {
    const size = frame.readUInt32LE(at) & 0x7fff_ffff;
    if (size === 0) break;
    total += blockBytes;
    at += 4 + size + (hasBlockChecksum ? 4 : 0);
  }
  return total;
}
