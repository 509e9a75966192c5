import { promisify } from "node:util";
import { gunzip } from "node:zlib";

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
 * What says itself that it is larger is refused before a byte is unpacked; what lies about it, once it has grown so far.
 * Throws {@link TooLargeError}, or zlib's own error where the bytes are no gzip.
 */
export async function gunzipAtMost(bytes: Buffer, bytesMax: number): Promise<Buffer> {
  const told = bytes.length > TRAILER_BYTES ? bytes.readUInt32LE(bytes.length - TRAILER_BYTES) : 0;
  if (told > bytesMax)
    throw new TooLargeError(`It says that it unpacks to ${told} bytes, and ${bytesMax} are taken.`);
  try {
    // In one piece where the trailer tells the truth: the pieces of 16 KiB that it is by default are put together at the
    // end, which takes the memory twice.
    const chunkSize = Math.max(PIECE_BYTES_MIN, Math.min(told, bytes.length * RATIO_MAX) + 1);
    return await unzip(bytes, { maxOutputLength: bytesMax, chunkSize });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_BUFFER_TOO_LARGE") throw cause;
    throw new TooLargeError(`It unpacks to more than ${bytesMax} bytes.`, { cause });
  }
}
