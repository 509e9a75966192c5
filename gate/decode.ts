import { isDeepStrictEqual } from "node:util";
import type { Runnable, RunOptions, RunResult } from "../dev/contract.ts";
import { actualOf, expectedOf, type Expected } from "../test/support/otlp-oracle.ts";
import type { Json } from "../test/support/otlp-values.ts";
import { mutate, oddRequest, random } from "../test/support/otlp-mutants.ts";
import { MalformedError, TracesDecoder } from "../trace-store/ingest/decode.ts";
import { WireReader } from "../trace-store/ingest/wire-reader.ts";

const INPUTS = 1_000_000;
const INPUTS_SHORT = 60_000;
/** Requests that are mutated, kept in hand at a time. */
const CORPUS = 256;
/** An input that takes longer than this counts as a hang. */
const INPUT_MS_MAX = 5_000;
/** Inputs within which every broken reader must be noticed. */
const MUTANT_INPUTS = 5_000;

/** Readers with one rule missing each: the gate must see every one of them. */
export const MUTANTS: Record<string, new () => WireReader> = {
  "a message's length is not bounded by its parent": class extends WireReader {
    override enter(): number {
      const outer = this.end;
      this.end = this.bytes.length;
      const length = this.uint32();
      this.end = Math.min(this.at + length, this.bytes.length);
      return outer;
    }
  },
  "a text's length is not bounded by its parent": class extends WireReader {
    override take(): number {
      const length = this.uint32();
      const start = this.at;
      this.at = Math.min(start + length, this.bytes.length);
      return start;
    }
  },
  "64-bit integers are rounded": class extends WireReader {
    override int64(): number | bigint {
      return Number(super.int64());
    }
  },
  "a varint has no longest form": class extends WireReader {
    override uint32(): number {
      let value = 0;
      let byte = 0x80;
      for (let shift = 0; byte > 0x7f; shift += 7) {
        byte = this.bytes[this.at++] ?? 0;
        if (shift < 32) value |= (byte & 0x7f) << shift;
      }
      if (this.at > this.end) super.fixed64();
      return value >>> 0;
    }
  },
  "a group may end as another one": class extends WireReader {
    override skip(tag: number, depth = 0): void {
      if ((tag & 7) !== 3) return super.skip(tag, depth);
      for (let inner = this.tag(); (inner & 7) !== 4; inner = this.tag()) this.skip(inner, depth + 1);
    }
  },
};

interface Verdict {
  readonly isAccepted: boolean;
  readonly disagreement?: string;
}

/**
 * What was changed about a value that a later field then replaced is reported by the decoder, and unseen by the library:
 * more marks are no disagreement, fewer are.
 */
function takeOverMarks(actual: Expected, expected: Expected): void {
  for (const [i, row] of expected.rows.entries()) {
    const detail = row.detail as DetailMarks | null;
    const found = actual.rows[i]?.detail as DetailMarks | null | undefined;
    for (const mark of ["sanitized", "cut"] as const) {
      if (!found?.[mark] || !isWithin(detail?.[mark] ?? {}, found[mark])) continue;
      if (detail) detail[mark] = found[mark];
      else row.detail = { [mark]: found[mark] };
    }
  }
}

interface DetailMarks {
  [key: string]: Json;
}

function isWithin(few: Json, many: Json): boolean {
  if (Array.isArray(many)) return (Array.isArray(few) ? few : []).every((mark) => many.includes(mark));
  return Object.entries(few ?? {}).every(([key, bytes]) => (many as DetailMarks)[key] === bytes);
}

/** Decodes one input both ways. Throws what is neither rows nor a MalformedError. */
function judge(decoder: TracesDecoder, bytes: Buffer): Verdict {
  const expected = expectedOf(bytes);
  try {
    const actual = actualOf(decoder.decode(bytes));
    if (expected === "malformed")
      return { isAccepted: true, disagreement: "accepted what the oracle rejects" };
    takeOverMarks(actual, expected);
    if (isDeepStrictEqual(actual, expected)) return { isAccepted: true };
    return { isAccepted: true, disagreement: "other values than the oracle's" };
  } catch (error) {
    if (!(error instanceof MalformedError))
      return { isAccepted: false, disagreement: `crash: ${String(error)}` };
    if (expected === "malformed") return { isAccepted: false };
    return { isAccepted: false, disagreement: `rejected (${error.reason}) what the oracle accepts` };
  }
}

/** Yields inputs that come again with the same seed. */
function* inputs(count: number, seed: number): Generator<Buffer> {
  const next = random(seed);
  const corpus = Array.from({ length: CORPUS }, () => oddRequest(next));
  for (let i = 0; i < count; i++) {
    const slot = next(CORPUS);
    const request = corpus[slot] as Buffer;
    if (next(16) === 0) corpus[slot] = oddRequest(next);
    yield mutate(request, corpus[next(CORPUS)] as Buffer, next);
  }
}

/** Returns after how many inputs a broken reader was noticed; `undefined` when it never was. */
export function noticedAfter(Reader: new () => WireReader, seed: number): number | undefined {
  const decoder = new TracesDecoder(new Reader());
  let count = 0;
  for (const bytes of inputs(MUTANT_INPUTS, seed)) {
    count++;
    if (judge(decoder, bytes).disagreement !== undefined) return count;
  }
  return undefined;
}

/** Judges `count` mutated inputs; the first disagreements come with the input itself. */
export function judgeInputs(
  count: number,
  seed: number,
  progress: (line: string) => void,
): {
  accepted: number;
  rejected: number;
  disagreements: string[];
  slowestMs: number;
} {
  const decoder = new TracesDecoder();
  const disagreements: string[] = [];
  let accepted = 0;
  let done = 0;
  let slowestMs = 0;
  for (const bytes of inputs(count, seed)) {
    const startMs = performance.now();
    const { isAccepted, disagreement } = judge(decoder, bytes);
    slowestMs = Math.max(slowestMs, performance.now() - startMs);
    if (isAccepted) accepted++;
    if (disagreement !== undefined) disagreements.push(`${disagreement}: ${bytes.toString("hex")}`);
    if (++done % 50_000 === 0) progress(`${done} of ${count} inputs, ${disagreements.length} disagreements`);
  }
  return { accepted, rejected: done - accepted, disagreements, slowestMs };
}

async function run({ short, args, progress, table }: RunOptions): Promise<RunResult> {
  const seed = Number(args["seed"] ?? Date.now() % 2 ** 31);
  const count = Number(args["inputs"] ?? (short ? INPUTS_SHORT : INPUTS));
  progress(`seed ${seed}: repeat with --seed ${seed}`);
  const mutants = Object.entries(MUTANTS).map(([mutant, Reader]) => ({
    mutant,
    "noticed after inputs": noticedAfter(Reader, seed) ?? "never",
  }));
  table(mutants);
  const { accepted, rejected, disagreements, slowestMs } = judgeInputs(count, seed, progress);
  for (const line of disagreements.slice(0, 5)) progress(line.slice(0, 4_000));
  const isEveryMutantSeen = mutants.every((it) => it["noticed after inputs"] !== "never");
  return {
    passed: disagreements.length === 0 && slowestMs < INPUT_MS_MAX && isEveryMutantSeen,
    figures: {
      seed,
      inputs: count,
      accepted,
      rejected,
      disagreements: disagreements.length,
      slowestMs: Math.round(slowestMs),
      mutants: mutants.length,
      mutantsSeen: mutants.filter((it) => it["noticed after inputs"] !== "never").length,
    },
  };
}

export const gate: Runnable = {
  name: "decode",
  summary: "mutated OTLP: no crash, no hang, no disagreement with a protobuf library",
  options: { seed: "seed", inputs: "count" },
  run,
};
