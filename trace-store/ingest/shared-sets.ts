import type { ResourceRow } from "../span/span-row.ts";

const SLOTS = 8_192;
/** Of one resource, so many at once: a program that mirrors a thousand topics must not fill the dictionary of resources. */
const SETS_OF_ONE_MAX = 128;
const FNV_PRIME = 0x01000193;

/** A text that came before: the same object each time. */
export interface SeenText {
  /** Its own number, but for those made four billion texts apart. */
  readonly number: number;
}

let textsSeen = 0;

/** One more text. */
export function seenText(): SeenText {
  textsSeen = (textsSeen + 1) | 0;
  return { number: textsSeen };
}

/** What tells one set from another: of each attribute a code, and the text that it shares. */
export interface SetKey {
  readonly codes: number[];
  readonly texts: (SeenText | null)[];
  length: number;
}

interface Held {
  readonly base: string;
  readonly key: SetKey;
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
  find(base: ResourceRow, key: SetKey): ResourceRow | null {
    if (base.hash !== this.#base) {
      this.#base = base.hash;
      this.#seed = Number.parseInt(base.hash.slice(0, 8), 16) | 0;
    }
    let hash = this.#seed ^ key.length;
    for (let i = 0; i < key.length; i += 1) {
      hash = Math.imul(hash ^ (key.codes[i] as number), FNV_PRIME);
      hash = Math.imul(hash ^ (key.texts[i]?.number ?? 0), FNV_PRIME);
    }
    hash ^= hash >>> 15;
    this.#slot = hash & (SLOTS - 1);
    this.#isKnown = this.#hashes[this.#slot] === hash;
    this.#hashes[this.#slot] = hash;
    const held = this.#held[this.#slot] as Held | null;
    const isIt = this.#isKnown && held !== null && held.base === base.hash && isEqual(held.key, key);
    return isIt ? held.resource : null;
  }

  /** Whether what was looked for last should be held: it was seen before, and its resource has room for it. */
  get isDue(): boolean {
    return this.#isKnown && (this.#counts.get(this.#base) ?? 0) < SETS_OF_ONE_MAX;
  }

  /** Holds what was looked for last. */
  hold(key: SetKey, resource: ResourceRow): void {
    const before = this.#held[this.#slot] as Held | null;
    if (before !== null) this.#count(before.base, -1);
    const own = {
      codes: key.codes.slice(0, key.length),
      texts: key.texts.slice(0, key.length),
      length: key.length,
    };
    this.#held[this.#slot] = { base: this.#base, key: own, resource };
    this.#count(this.#base, 1);
  }

  #count(base: string, by: number): void {
    const count = (this.#counts.get(base) ?? 0) + by;
    if (count === 0) this.#counts.delete(base);
    else this.#counts.set(base, count);
  }
}

function isEqual(a: SetKey, b: SetKey): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i += 1)
    if (a.codes[i] !== b.codes[i] || a.texts[i] !== b.texts[i]) return false;
  return true;
}
