import type { ResourceRow } from "../span/span-row.ts";

const SLOTS = 8_192;
/** Of one resource, so many at once: a program that mirrors a thousand topics must not fill the dictionary of resources. */
const SETS_OF_ONE_MAX = 128;
const FNV_PRIME = 0x01000193;

interface Held {
  readonly base: string;
  readonly key: Uint8Array;
  readonly resource: ResourceRow;
}

/** Resources together with a set of attributes, in a table that never grows. A set is held from its second sight on. */
export class SharedSets {
  readonly #hashes = new Int32Array(SLOTS);
  readonly #held: (Held | null)[] = Array.from({ length: SLOTS }, () => null);
  readonly #counts = new Map<string, number>();
  #slot = 0;
  #isKnown = false;
  #base = "";
  #seed = 0;

  /** The resource that stands for `base` and the set with this key; `null` where none is held. */
  find(base: ResourceRow, key: Uint8Array, length: number): ResourceRow | null {
    if (base.hash !== this.#base) {
      this.#base = base.hash;
      this.#seed = Number.parseInt(base.hash.slice(0, 8), 16) | 0;
    }
    let hash = this.#seed ^ length;
    for (let i = 0; i < length; i += 1) hash = Math.imul(hash ^ (key[i] as number), FNV_PRIME);
    hash ^= hash >>> 15;
    this.#slot = hash & (SLOTS - 1);
    this.#isKnown = this.#hashes[this.#slot] === hash;
    this.#hashes[this.#slot] = hash;
    const held = this.#held[this.#slot] as Held | null;
    const isIt = this.#isKnown && held !== null && held.base === base.hash && isEqual(held.key, key, length);
    return isIt ? held.resource : null;
  }

  /** Whether what was looked for last should be held: it was seen before, and its resource has room for it. */
  get isDue(): boolean {
    return this.#isKnown && (this.#counts.get(this.#base) ?? 0) < SETS_OF_ONE_MAX;
  }

  /** Holds what was looked for last. */
  hold(key: Uint8Array, resource: ResourceRow): void {
    const before = this.#held[this.#slot] as Held | null;
    if (before !== null) this.#count(before.base, -1);
    this.#held[this.#slot] = { base: this.#base, key, resource };
    this.#count(this.#base, 1);
  }

  #count(base: string, by: number): void {
    const count = (this.#counts.get(base) ?? 0) + by;
    if (count === 0) this.#counts.delete(base);
    else this.#counts.set(base, count);
  }
}

function isEqual(a: Uint8Array, b: Uint8Array, length: number): boolean {
  if (a.length !== length) return false;
  for (let i = 0; i < length; i += 1) if (a[i] !== b[i]) return false;
  return true;
}
