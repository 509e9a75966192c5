const FIRST_CAPACITY = 4_096;

/**
 * Ranges of offsets, both ends included, each under an index: all of a write's in three arrays of numbers. As arrays of
 * their own for each index they were a third of what a span took on the heap, and lay there while the write waited.
 */
export class ToldRanges {
  #count = 0;
  #indexes = new Int32Array(FIRST_CAPACITY);
  #firsts = new Float64Array(FIRST_CAPACITY);
  #lasts = new Float64Array(FIRST_CAPACITY);

  add(index: number, first: number, last: number): void {
    if (this.#count === this.#indexes.length) this.#grow();
    this.#indexes[this.#count] = index;
    this.#firsts[this.#count] = first;
    this.#lasts[this.#count] = last;
    this.#count += 1;
  }

  /** Returns what tells the firsts and the lasts of an index. `counts` says how many ranges each index was given. */
  byIndex(counts: readonly number[]): (index: number) => [firsts: Float64Array, lasts: Float64Array] {
    const ends = new Int32Array(counts.length);
    let end = 0;
    for (const [index, count] of counts.entries()) ends[index] = end += count;
    const [firsts, lasts] = [new Float64Array(end), new Float64Array(end)];
    const places = ends.slice();
    for (let i = this.#count - 1; i >= 0; i -= 1) {
      const index = this.#indexes[i] as number;
      const place = (places[index] as number) - 1;
      places[index] = place;
      firsts[place] = this.#firsts[i] as number;
      lasts[place] = this.#lasts[i] as number;
    }
    return (index) => {
      const [from, to] = [(ends[index] as number) - (counts[index] as number), ends[index]];
      return [firsts.subarray(from, to), lasts.subarray(from, to)];
    };
  }

  #grow(): void {
    const [indexes, firsts, lasts] = [this.#indexes, this.#firsts, this.#lasts];
    this.#indexes = new Int32Array(indexes.length * 2);
    this.#firsts = new Float64Array(indexes.length * 2);
    this.#lasts = new Float64Array(indexes.length * 2);
    this.#indexes.set(indexes);
    this.#firsts.set(firsts);
    this.#lasts.set(lasts);
  }
}

/**
 * The ends of as few ranges as possible, in order. Firsts and lasts are sorted apart, in place: where the next first lies
 * beyond the last so far, everything before it is behind.
 */
export function united(firsts: Float64Array, lasts: Float64Array): readonly number[] {
  if (firsts.length === 1) return [firsts[0] as number, lasts[0] as number];
  firsts.sort();
  lasts.sort();
  const ends = [firsts[0] as number];
  for (let i = 1; i < firsts.length; i += 1) {
    const [before, first] = [lasts[i - 1] as number, firsts[i] as number];
    if (first > before + 1) ends.push(before, first);
  }
  ends.push(lasts.at(-1) as number);
  return ends;
}
