/** A bigint put in here comes out as two numbers, without the allocations of bigint arithmetic. */
const word = new BigInt64Array(1);
const halves = new Uint32Array(word.buffer);
const HIGH = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 1 : 0;
const TWO_32 = 4_294_967_296;
const NS_PER_MS = 1_000_000;

/** Whole milliseconds of 0 to 2^63-1 nanoseconds, exact. A division of bigints takes five times as long. */
export function wholeMs(ns: bigint): number {
  word[0] = ns;
  const high = halves[HIGH] as number;
  const low = halves[1 - HIGH] as number;
  return Math.floor(high / NS_PER_MS) * TWO_32 + Math.floor(((high % NS_PER_MS) * TWO_32 + low) / NS_PER_MS);
}
