import type { Socket } from "node:net";

const LENGTH_BYTES = 4;

// A request: length, api key (int16), api version (int16), correlation id (int32). An answer: length, correlation id.
export const apiKeyOf = (request: Buffer): number => request.readInt16BE(LENGTH_BYTES);
export const correlationIdOf = (request: Buffer): number => request.readInt32BE(LENGTH_BYTES + 4);
/** The correlation id of the request that is answered. */
export const answeredId = (answer: Buffer): number => answer.readInt32BE(LENGTH_BYTES);

/** Calls back with each whole frame of Kafka's protocol, its length included. */
export function eachFrame(socket: Socket, onFrame: (frame: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on("data", (data: Buffer) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    while (rest.length >= LENGTH_BYTES) {
      const length = LENGTH_BYTES + rest.readInt32BE(0);
      if (rest.length < length) return;
      onFrame(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  });
}
