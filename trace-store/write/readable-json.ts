const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_E = 0x65;
const LETTER_U = 0x75;
/** A double has three. */
const EXPONENT_DIGITS_MAX = 3;
/** Longer than that, and a number in it may have more digits than Postgres's numeric. */
const PLAIN_BYTES_MAX = 100_000;
const UNREADABLE_TEXT = /[\0\p{Surrogate}]/u;

/**
 * Throws a `RangeError` for well-formed JSON that Postgres would take as `json` and not as `jsonb`: with a NUL, half of a
 * surrogate pair, or a number beyond any double. What ingest sanitises holds none; a view that met one could not be read.
 */
export function assertReadable(json: Buffer): void {
  const { length } = json;
  let isPlain = length <= PLAIN_BYTES_MAX;
  let isText = false;
  for (let i = 0; i < length; i += 1) {
    const byte = json[i] as number;
    if (byte === QUOTE) isText = !isText;
    else if (byte === BACKSLASH) {
      i += 1;
      if (json[i] === LETTER_U) isPlain = false;
    } else if (!isText && (byte | 0x20) === LETTER_E && isLongExponent(json, i + 1)) throw refusal();
  }
  if (!isPlain) assertReadableWhole(json);
}

function isLongExponent(json: Buffer, start: number): boolean {
  let at = start;
  if (json[at] === 0x2b || json[at] === 0x2d) at += 1;
  const first = at;
  while ((json[at] ?? 0) >= 0x30 && (json[at] as number) <= 0x39) at += 1;
  return at - first > EXPONENT_DIGITS_MAX;
}

function assertReadableWhole(json: Buffer): void {
  const check = (key: string, value: unknown): unknown => {
    const isBad =
      typeof value === "string" ? UNREADABLE_TEXT.test(value) : value === Infinity || value === -Infinity;
    if (isBad || UNREADABLE_TEXT.test(key)) throw refusal();
    return value;
  };
  try {
    JSON.parse(json.toString(), check);
  } catch (fault) {
    // What is no JSON at all is Postgres's to name.
    if (!(fault instanceof SyntaxError)) throw fault;
  }
}

const refusal = (): RangeError =>
  new RangeError("jsonb takes no NUL, no half of a surrogate pair and no number beyond a double.");
