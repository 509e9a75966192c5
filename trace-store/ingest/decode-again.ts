import type { QuarantineRow } from "../span/span-row.ts";
import { MalformedError } from "./decode.ts";
import { decodeRecord } from "./detect.ts";
import type { Taken } from "./intake.ts";
import { quarantineOf } from "./quarantine-of.ts";

/** What came of decoding an entry of quarantine again: rows, or the reason why there are none. */
export type DecodedAgain =
  | (Taken & { readonly reason?: undefined })
  | {
      readonly reason: string;
    };

/** Decodes what is kept of something that could not be decoded before. It must be whole. */
export function decodeAgain(entry: QuarantineRow): DecodedAgain {
  try {
    const { rows, rejected } = decodeRecord(entry.bytes);
    if (rows.length === 0) return { reason: rejected[0]?.reason ?? entry.reason };
    return { rows, quarantined: rejected.map((it) => quarantineOf(it.reason, it.bytes, entry)) };
  } catch (error) {
    if (error instanceof MalformedError) return { reason: error.reason };
    throw error;
  }
}
