import { promisify } from "node:util";
import zlib from "node:zlib";
import { Decompress } from "fzstd";
import { CompressionCodecs, CompressionTypes } from "kafkajs";
import { decompressFrame } from "lz4-napi";
import { uncompress } from "snappy";
import { gunzipAtMost, TooLargeError } from "../gunzip.ts";
import { lz4BytesMax, snappyBlocks, snappyBytes } from "./compressed-size.ts";
import { refusedRecords } from "./refused-records.ts";

/** Largest record batch after decompression. OTLP's own recommendation for a receiver. */
export const RECORD_BATCH_BYTES_MAX = 64 * 1_048_576;

async function unpackGzip(bytes: Buffer): Promise<Buffer> {
  return gunzipAtMost(bytes, RECORD_BATCH_BYTES_MAX);
}

/** Kafka's Java client frames snappy blocks as snappy-java does; librdkafka sends one bare block. */
async function unpackSnappy(bytes: Buffer): Promise<Buffer> {
  const blocks = snappyBlocks(bytes);
  const total = blocks.reduce((sum, block) => sum + snappyBytes(block), 0);
  if (total > RECORD_BATCH_BYTES_MAX) throw new TooLargeError(`snappy batch of ${total} bytes`);
  return Buffer.concat(
    await Promise.all(blocks.map((block) => uncompress(block, { asBuffer: true }) as Promise<Buffer>)),
  );
}

async function unpackLz4(bytes: Buffer): Promise<Buffer> {
  const total = lz4BytesMax(bytes);
  if (total > RECORD_BATCH_BYTES_MAX) throw new TooLargeError(`lz4 batch of up to ${total} bytes`);
  return decompressFrame(bytes);
}

/** zstd came to Node's zlib with 22.15; before that a library in JavaScript does it, block by block, so that it can be stopped. */
async function unpackZstd(bytes: Buffer): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  let total = 0;
  const stream = new Decompress((piece) => {
    total += piece.length;
    if (total > RECORD_BATCH_BYTES_MAX)
      throw new TooLargeError(`zstd batch of more than ${RECORD_BATCH_BYTES_MAX} bytes`);
    pieces.push(piece);
  });
  stream.push(bytes, true);
  return Buffer.concat(pieces);
}

/**
 * Teaches kafkajs the codecs it lacks, and replaces its gunzip, which would unpack half a megabyte into 512 MiB.
 *
 * A batch that cannot or must not be opened becomes as many records as it held, each saying so: were an error thrown
 * instead, kafkajs would fetch the same batch for ever.
 */
export function installCodecs(): void {
  const unpackers = {
    [CompressionTypes.GZIP]: unpackGzip,
    [CompressionTypes.Snappy]: unpackSnappy,
    [CompressionTypes.LZ4]: unpackLz4,
    [CompressionTypes.ZSTD]: unpackZstd,
  };
  for (const [type, unpack] of Object.entries(unpackers)) {
    CompressionCodecs[Number(type) as CompressionTypes.GZIP] = () => ({
      async compress(encoder: { buffer: Buffer }) {
        // Gzip under another codec's name could be read by nobody.
        if (Number(type) !== CompressionTypes.GZIP)
          throw new Error("The store reads this codec; it writes only gzip.");
        return promisify(zlib.gzip)(encoder.buffer);
      },
      async decompress(bytes: Buffer) {
        try {
          return await unpack(bytes);
        } catch (error) {
          const isTooLarge = error instanceof TooLargeError;
          return refusedRecords(bytes, isTooLarge ? "decompression_bomb" : "cannot_decompress");
        }
      },
    });
  }
}
