import { promisify } from "node:util";
import { createGunzip, gunzip } from "node:zlib";

/** Says that bytes would unpack to more than is allowed. */
export class TooLargeError extends Error {
  override readonly name = "TooLargeError";
}

const unzip = promisify(gunzip);
/** Length of the unpacked member, modulo 2^32: the last four bytes of a gzip member (RFC 1952, ISIZE). */
const TRAILER_BYTES = 4;
/** What deflate can do at most (zlib's own documentation): what says more of itself is not believed. */
const RATIO_MAX = 1_032;
/** Below this zlib would hand out its output in crumbs. */
const PIECE_BYTES_MIN = 16_384;

/**
 * Unpacks gzip, but never more than `bytesMax`.
 *
 * What says itself that it is larger is refused before a byte is unpacked. What unpacks to more than it says is of several
 * members, or lies: it is measured first, and nothing of it is kept. Throws {@link TooLargeError}, or zlib's own error where
 * the bytes are no gzip.
 */
export async function gunzipAtMost(bytes: Buffer, bytesMax: number): Promise<Buffer> {
  const told = bytes.length > TRAILER_BYTES ? bytes.readUInt32LE(bytes.length - TRAILER_BYTES) : 0;
  if (told > bytesMax)
    throw new TooLargeError(`It says that it unpacks to ${told} bytes, and ${bytesMax} are taken.`);
  try {
    // In one piece where the trailer tells the truth: the pieces of 16 KiB that it is by default are put together at the
    // end, which takes the memory twice.
    const chunkSize = Math.max(PIECE_BYTES_MIN, Math.min(told, bytes.length * RATIO_MAX) + 1);
    return await unzip(bytes, { maxOutputLength: Math.max(1, told), chunkSize });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw cause;
  }
  await measure(bytes, bytesMax);
  return unzip(bytes, { maxOutputLength: bytesMax });
}

async function measure(bytes: Buffer, bytesMax: number): Promise<void> {
  const unpacking = createGunzip();
  unpacking.end(bytes);
  let total = 0;
  for await (const piece of unpacking as AsyncIterable<Buffer>) {
    total += piece.length;
    if (total > bytesMax) throw new TooLargeError(`It unpacks to more than ${bytesMax} bytes.`);
  }
}
