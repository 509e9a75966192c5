import { createHash } from "node:crypto";
import { SPAN_ID, START_NS, TRACE_ID } from "../../test/support/poison-bytes.ts";
import type { Poison } from "../../test/support/poisons.ts";
import { MalformedError } from "../../trace-store/ingest/malformed.ts";
import { decodeRecord } from "../../trace-store/ingest/detect.ts";

/** A kind of poison, of which any number can be made that differ in their ids and times, and in nothing else. */
export interface PoisonKind {
  readonly poison: Poison;
  /** False where no id and no time stands in it: then all are alike, and quarantine keeps one. */
  readonly isUnlike: boolean;
  /** Makes the `n`th, with the time of its span now. */
  readonly make: (n: number) => { readonly bytes: Buffer; readonly traceId: string };
}

const md5 = (text: string): Buffer => createHash("md5").update(text).digest();

function fixed64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return bytes;
}

/** Where a text of bytes stands. */
function* places(bytes: Buffer, of: Buffer): Generator<number> {
  for (let at = bytes.indexOf(of); at !== -1; at = bytes.indexOf(of, at + of.length)) yield at;
}

/** The trace id of the poison's own span; a test span's is random. */
function traceIdOf({ bytes }: Poison): Buffer {
  try {
    const [row] = decodeRecord(bytes).rows;
    return row === undefined ? TRACE_ID : Buffer.from(row.traceId, "hex");
  } catch (error) {
    if (error instanceof MalformedError) return TRACE_ID;
    throw error;
  }
}

/** Finds what of a poison may be changed without changing what is wrong with it. */
export function kindOf(poison: Poison): PoisonKind {
  const found = (of: Buffer) => [...places(poison.bytes, of)];
  const asText = (id: Buffer) => Buffer.from(id.toString("hex"));
  const traceId = traceIdOf(poison);
  const ids = [found(traceId), found(asText(traceId)), found(SPAN_ID), found(asText(SPAN_ID))] as const;
  const times = [found(fixed64(START_NS)), found(Buffer.from(String(START_NS)))] as const;
  const ends = [
    found(fixed64(START_NS + 1_000_000n)),
    found(Buffer.from(String(START_NS + 1_000_000n))),
  ] as const;
  return {
    poison,
    isUnlike: [...ids, ...times].some((it) => it.length > 0),
    make(n) {
      const bytes = Buffer.from(poison.bytes);
      const [trace, span] = [md5(`trace of poison ${n}`), md5(`span of poison ${n}`).subarray(0, 8)];
      const nowNs = BigInt(Date.now()) * 1_000_000n;
      const put = (at: readonly number[], what: Buffer) => at.forEach((place) => what.copy(bytes, place));
      put(ids[0], trace);
      put(ids[1], asText(trace));
      put(ids[2], span);
      put(ids[3], asText(span));
      put(times[0], fixed64(nowNs));
      put(times[1], Buffer.from(String(nowNs)));
      put(ends[0], fixed64(nowNs + 1_000_000n));
      put(ends[1], Buffer.from(String(nowNs + 1_000_000n)));
      return { bytes, traceId: trace.toString("hex") };
    },
  };
}
