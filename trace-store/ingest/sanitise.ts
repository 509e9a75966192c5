/** What was changed about a span so that it can be stored: bits, spelled in `detail.sanitized`. */
export const Mark = {
  invalidUtf8: 1,
  nul: 2,
  cut: 4,
  tooDeep: 8,
  endBeforeStart: 16,
  timeOutOfRange: 32,
  invalidParentId: 64,
  invalidLink: 128,
  rangesDropped: 256,
} as const;

const MARK_NAMES: readonly [bit: number, name: string][] = [
  [Mark.invalidUtf8, "invalid_utf8"],
  [Mark.nul, "nul"],
  [Mark.cut, "cut"],
  [Mark.tooDeep, "too_deep"],
  [Mark.endBeforeStart, "end_before_start"],
  [Mark.timeOutOfRange, "time_out_of_range"],
  [Mark.invalidParentId, "invalid_parent_id"],
  [Mark.invalidLink, "invalid_link"],
  [Mark.rangesDropped, "ranges_dropped"],
];

/** Spells marks, in a fixed order. */
export function markNames(bits: number): string[] {
  return MARK_NAMES.filter(([bit]) => (bits & bit) !== 0).map(([, name]) => name);
}

/** What was changed about the span being decoded. */
export class Marks {
  /** Of {@link Mark}. */
  bits = 0;
  /** Attribute keys of texts that were cut, with their full length in bytes. */
  readonly cuts = new Map<string, number>();

  /** Starts again, with what is already known of the span's surroundings. */
  begin(bits: number): void {
    this.bits = bits;
    if (this.cuts.size > 0) this.cuts.clear();
  }

  add(bit: number): void {
    this.bits |= bit;
  }
}

/** Stands for what cannot be stored as it is. */
export const REPLACEMENT = "\ufffd";
const NUL = /\0/g;

/** Replaces NUL, which Postgres stores in no text. */
export function withoutNul(text: string): string {
  return text.includes("\0") ? text.replace(NUL, REPLACEMENT) : text;
}

/** Cuts to `lengthMax` UTF-16 units, never between the two of one character. */
export function cutText(text: string, lengthMax: number): string {
  if (text.length <= lengthMax) return text;
  const last = text.charCodeAt(lengthMax - 1);
  const splitsPair = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, splitsPair ? lengthMax - 1 : lengthMax);
}

const INT64_MAX = 9_223_372_036_854_775_807n;

/** What a span's two times become in the store. */
export interface StorableTimes {
  readonly startNs: bigint;
  readonly durationNs: bigint;
  readonly marks: number;
}

/** Fits unsigned 64-bit times into Postgres's signed ones; an end before its start counts as no duration. */
export function storableTimes(startNs: bigint, endNs: bigint): StorableTimes {
  const start = startNs > INT64_MAX ? INT64_MAX : startNs;
  const end = endNs > INT64_MAX ? INT64_MAX : endNs;
  const marks = start === startNs && end === endNs ? 0 : Mark.timeOutOfRange;
  if (end < start) return { startNs: start, durationNs: 0n, marks: marks | Mark.endBeforeStart };
  return { startNs: start, durationNs: end - start, marks };
}
