/** Reads typed values out of an environment and keeps every fault, so that all of them are told at once. */
export class Environment {
  readonly faults: string[] = [];
  readonly #values: Readonly<Record<string, string | undefined>>;
  readonly #known = new Set<string>();

  constructor(values: Readonly<Record<string, string | undefined>>) {
    this.#values = values;
  }

  /** The value of `name`; an empty one counts as absent. */
  text(name: string): string | undefined {
    this.#known.add(name);
    return this.#values[name] || undefined;
  }

  list(name: string): string[] {
    const given = this.text(name) ?? "";
    return given
      .split(",")
      .map((it) => it.trim())
      .filter(Boolean);
  }

  integer(name: string, fallback: number, min: number, max: number): number {
    const given = this.text(name);
    if (given === undefined) return fallback;
    const value = Number(given);
    if (Number.isInteger(value) && value >= min && value <= max) return value;
    this.faults.push(
      `${name} is "${given}"; expected a whole number from ${min} to ${max}. Leave it out for ${fallback}.`,
    );
    return fallback;
  }

  choice<T extends string>(name: string, allowed: readonly T[], fallback: T): T {
    const given = this.text(name);
    if (given === undefined) return fallback;
    const found = allowed.find((it) => it === given.toLowerCase());
    if (found === undefined)
      this.faults.push(`${name} is "${given}"; expected one of ${allowed.join(", ")}.`);
    return found ?? fallback;
  }

  /** Several out of `allowed`, with commas. */
  choices(name: string, allowed: readonly string[]): string[] {
    const given = this.list(name);
    for (const odd of given.filter((it) => !allowed.includes(it)))
      this.faults.push(`${name} holds "${odd}"; expected some of ${allowed.join(", ")}, with commas.`);
    return given;
  }

  /** Finds misspelled names: everything with our prefix that nobody has read. */
  rejectUnknown(prefix: string): void {
    for (const name of Object.keys(this.#values)) {
      if (name.startsWith(prefix) && !this.#known.has(name)) {
        const near = closest(
          name,
          [...this.#known].filter((it) => it.startsWith(prefix)),
        );
        this.faults.push(`${name} is not a setting.${near ? ` Did you mean ${near}?` : ""}`);
      }
    }
  }
}

/** Returns the name with the fewest single-letter edits, if they are few. */
function closest(name: string, names: readonly string[]): string | undefined {
  let best: { name: string; edits: number } | undefined;
  for (const candidate of names) {
    const edits = editDistance(name, candidate);
    if (edits <= 4 && (best === undefined || edits < best.edits)) best = { name: candidate, edits };
  }
  return best?.name;
}

function editDistance(a: string, b: string): number {
  let above = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (above[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      row.push(Math.min(change, (above[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1));
    }
    above = row;
  }
  return above[b.length] ?? 0;
}
