const CHUNK_BYTES_MAX = 262_144;
const CHUNK_BYTES_MIN = 512;

/**
 * Keeps the bytes of one request's rows in a few buffers of their own, so that rows hold neither the request nor a
 * writer's memory, and all go together when the last row does.
 */
export class Slab {
  #chunk: Buffer;
  #used = 0;

  /** `bytes` is a guess at what will be kept. */
  constructor(bytes: number) {
    this.#chunk = chunkOf(bytes);
  }

  /** Copies bytes and returns the copy. */
  keep(source: Buffer, start: number, end: number): Buffer {
    const length = end - start;
    if (length > CHUNK_BYTES_MAX) return Buffer.from(source.subarray(start, end));
    if (this.#used + length > this.#chunk.length) {
      this.#chunk = chunkOf(Math.max(length, this.#chunk.length));
      this.#used = 0;
    }
    const from = this.#used;
    this.#used = from + length;
    source.copy(this.#chunk, from, start, end);
    return this.#chunk.subarray(from, this.#used);
  }
}

function chunkOf(bytes: number): Buffer {
  return Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES_MAX, Math.max(CHUNK_BYTES_MIN, bytes)));
}
