import type { QuarantineRow } from "../span/span-row.ts";

/** So much of what could not be stored is kept, to be looked at. */
export const QUARANTINE_BYTES_MAX = 65_536;

/** Makes the row that keeps what could not be decoded; the bytes are copied, as a slice would keep its whole fetch alive. */
export function quarantineOf(
  reason: string,
  bytes: Buffer,
  place: { source: string; partition: number | null; sourceOffset: bigint | null },
): QuarantineRow {
  return {
    reason,
    ...place,
    bytes: Buffer.from(bytes.subarray(0, QUARANTINE_BYTES_MAX)),
    bytesTotal: bytes.length,
  };
}
