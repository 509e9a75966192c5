import type { QuarantineRow } from "../span/span-row.ts";
import { MalformedError, type RejectReason } from "./decode.ts";
import { decodeRecord } from "./detect.ts";
import type { Taken } from "./intake.ts";
import { quarantineOf } from "./quarantine-of.ts";
import { WireWriter } from "./wire-writer.ts";

/** Of a span that was refused alone, the span is kept; of what was malformed as a whole, all of it. */
const OF_ONE_SPAN: ReadonlySet<string> = new Set<RejectReason>(["invalid_trace_id", "invalid_span_id"]);

/** What came of decoding an entry of quarantine again: rows, or the reason why there are none. */
export type DecodedAgain =
  | (Taken & { readonly reason?: undefined })
  | {
      readonly reason: string;
    };

/**
 * Decodes what is kept of something that could not be decoded before. It must be whole.
 *
 * A span that was refused alone comes without its resource, of which nothing is kept.
 */
export function decodeAgain(entry: QuarantineRow): DecodedAgain {
  const bytes = OF_ONE_SPAN.has(entry.reason) ? requestOf(entry.bytes) : entry.bytes;
  try {
    const { rows, rejected } = decodeRecord(bytes);
    if (rows.length === 0) return { reason: rejected[0]?.reason ?? entry.reason };
    return { rows, quarantined: rejected.map((it) => quarantineOf(it.reason, it.bytes, entry)) };
  } catch (error) {
    if (error instanceof MalformedError) return { reason: error.reason };
    throw error;
  }
}

/** A request of one span. */
function requestOf(span: Buffer): Buffer {
  const wire = new WireWriter();
  wire.message(1, () => wire.message(2, () => wire.binary(2, span)));
  return wire.written();
}
