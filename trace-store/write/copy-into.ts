import { setImmediate } from "node:timers/promises";
import type { ClientBase } from "pg";
import { from as copyFrom } from "pg-copy-streams";
import type { CopyBuffer } from "./copy-buffer.ts";

/** Small enough that Postgres has something to do while the rest is still being encoded. */
const CHUNK_BYTES = 131_072;
const IN_FLIGHT_BYTES_MAX = 2_097_152;

/**
 * Copies rows into `target` (a table and its columns): `put` appends one to the buffer.
 *
 * The rows go out in pieces while the next ones are encoded, so that our work and Postgres's overlap. `whileWaiting` is
 * called when all of them are on their way and Postgres is still at it.
 */
export async function copyInto<T>(
  client: ClientBase,
  target: string,
  copy: CopyBuffer,
  rows: Iterable<T>,
  put: (row: T) => void,
  whileWaiting?: () => void,
): Promise<void> {
  const sql = `COPY ${target} FROM STDIN (FORMAT binary)`;
  const stream = client.query(copyFrom(sql, { highWaterMark: IN_FLIGHT_BYTES_MAX }));
  let fault: unknown;
  const done = new Promise<void>((resolve, reject) => {
    stream.on("error", (error) => reject((fault = error)));
    stream.on("finish", resolve);
  });
  // It is awaited at the end; a refusal half-way must not count as unhandled until then.
  done.catch(() => undefined);
  try {
    copy.start();
    for (const row of rows) {
      put(row);
      if (copy.length < CHUNK_BYTES) continue;
      const hasRoom = stream.write(copy.take());
      if (hasRoom) await setImmediate();
      else await Promise.race([new Promise((resolve) => stream.once("drain", resolve)), done]);
      if (fault !== undefined) break;
    }
    if (fault === undefined) stream.end(copy.end());
  } catch (cause) {
    // A row that cannot be encoded: Postgres is told, and the connection stays usable.
    stream.destroy(cause instanceof Error ? cause : new Error(String(cause)));
    await done.catch(() => undefined);
    throw cause;
  }
  if (whileWaiting !== undefined && fault === undefined) {
    // Or the last piece would only leave afterwards.
    await setImmediate();
    whileWaiting();
  }
  await done;
  copy.arrived();
}
