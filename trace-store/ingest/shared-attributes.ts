import { createHash } from "node:crypto";
import type { ResourceRow, SpanRow } from "../span/span-row.ts";
import type { JsonWriter } from "./json-writer.ts";
import type { GivingColumn, Shareable } from "./shareable.ts";
import { type SeenText, type SetKey, SharedSets } from "./shared-sets.ts";

/** More than there are names; one that comes twice on a span ends the sharing. */
const PIECES_MAX = 32;
const RESOURCE_BYTES_MAX = 2_048;
/** Numbers are exact up to so many. */
const DIGITS_MAX = 15;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const ZERO = 0x30;

/** What becomes of a piece. */
const Fate = { stays: 0, shared: 1, number: 2, text: 3 } as const;
type Fate = (typeof Fate)[keyof typeof Fate];

/**
 * Takes out of a span's attributes what need not be stored with it: what other spans of its program say too goes with the
 * resource, and of what a column holds only the name does. `trail.spans` puts all of it back, exactly: the same names, values
 * and JSON types. What would not come back so stays in the row.
 *
 * The resource's `detail` then has two keys more: `attributes`, those that the spans have in common, and `columns`, from the
 * column (with `_text` where the attribute is a text, and the column a number) to the name of the attribute that it holds.
 */
export class SharedAttributes {
  readonly #sets = new SharedSets();
  readonly #pieces: (Shareable | null)[] = Array.from({ length: PIECES_MAX }, () => null);
  readonly #texts: (SeenText | null)[] = Array.from({ length: PIECES_MAX }, () => null);
  readonly #fates = new Uint8Array(PIECES_MAX);
  /** Where each piece begins (with its comma), where its value does, and where it ends. */
  readonly #froms = new Int32Array(PIECES_MAX);
  readonly #values = new Int32Array(PIECES_MAX);
  readonly #tos = new Int32Array(PIECES_MAX);
  readonly #key: SetKey = {
    codes: Array.from({ length: PIECES_MAX }, () => 0),
    texts: Array.from({ length: PIECES_MAX }, () => null),
    length: 0,
  };
  #count = 0;
  #names = 0;
  #isTwice = false;

  clear(): void {
    this.#count = this.#names = 0;
    this.#isTwice = false;
  }

  /** Notes an attribute that was written from `from` to `to`, its value from `value` on; `text` where that is one which may come again. */
  note(piece: Shareable, text: SeenText | null, from: number, value: number, to: number): void {
    const bit = 1 << piece.index;
    // Of two the last one counts, and which was the last one would be forgotten.
    if ((this.#names & bit) !== 0 || this.#count === PIECES_MAX) {
      this.#isTwice = true;
      return;
    }
    this.#names |= bit;
    const at = this.#count++;
    this.#pieces[at] = piece;
    this.#texts[at] = text;
    this.#froms[at] = from;
    this.#values[at] = value;
    this.#tos[at] = to;
  }

  /**
   * Takes out of the object that `json` holds whatever can be given back, and returns the resource to store the span with.
   * It is `base`, and nothing is taken, where there is nothing to take or the set of it is seen for the first time.
   */
  take(row: SpanRow, base: ResourceRow, json: JsonWriter): ResourceRow {
    if (this.#count === 0 || this.#isTwice || base.attributes.length > RESOURCE_BYTES_MAX) return base;
    this.#choose(row, json.bytes);
    if (this.#key.length === 0) return base;
    let resource = this.#sets.find(base, this.#key);
    if (resource === null) {
      if (!this.#sets.isDue) return base;
      resource = this.#resource(base, json.bytes);
      this.#sets.hold(this.#key, resource);
    }
    this.#cut(json);
    return resource;
  }

  /** Decides what becomes of each piece, and puts together the key of what is taken. */
  #choose(row: SpanRow, bytes: Uint8Array): void {
    const key = this.#key;
    let length = 0;
    let given = 0;
    for (let at = 0; at < this.#count; at += 1) {
      const { column, columnBit, index } = this.#pieces[at] as Shareable;
      const text = this.#texts[at] as SeenText | null;
      let fate: Fate = Fate.stays;
      if (column === null) {
        if (text !== null) fate = Fate.shared;
      } else if ((given & columnBit) === 0) {
        fate = fateOf(row, column, bytes, this.#values[at] as number, this.#tos[at] as number);
      }
      this.#fates[at] = fate;
      if (fate === Fate.stays) continue;
      if (fate !== Fate.shared) given |= columnBit;
      key.codes[length] = index * 4 + fate;
      key.texts[length] = fate === Fate.shared ? text : null;
      length += 1;
    }
    key.length = length;
  }

  #resource(base: ResourceRow, bytes: Uint8Array): ResourceRow {
    const shared: string[] = [];
    const columns: Record<string, string> = {};
    for (let at = 0; at < this.#count; at += 1) {
      const { name, column } = this.#pieces[at] as Shareable;
      const fate = this.#fates[at];
      if (fate === Fate.shared) {
        const from = nameAt(bytes, this.#froms[at] as number);
        shared.push(Buffer.from(bytes.subarray(from, this.#tos[at])).toString());
      }
      if (fate === Fate.number) columns[column as string] = name;
      if (fate === Fate.text)
        columns[IS_NUMBER[column as GivingColumn] ? `${column}_text` : (column as string)] = name;
    }
    const detail = Buffer.from(
      [
        base.detail === null ? "{" : `${base.detail.toString().slice(0, -1)},`,
        `"attributes":{${shared.join(",")}},"columns":${JSON.stringify(columns)}}`,
      ].join(""),
    );
    const hash = createHash("sha256").update(base.attributes).update("\0").update(detail).digest("hex");
    return { hash, attributes: base.attributes, detail };
  }

  /** Closes the gaps. */
  #cut(json: JsonWriter): void {
    const { bytes } = json;
    let length = -1;
    for (let at = 0; at < this.#count; at += 1) {
      if (this.#fates[at] === Fate.stays) continue;
      if (length < 0) length = this.#froms[at] as number;
      let next = at + 1;
      while (next < this.#count && this.#fates[next] === Fate.stays) next += 1;
      const [from, to] = [
        this.#tos[at] as number,
        next < this.#count ? (this.#froms[next] as number) : json.length,
      ];
      // Pieces that are taken mostly lie side by side.
      if (to > from) bytes.copyWithin(length, from, to);
      length += to - from;
    }
    // What was first is gone, and the comma behind it is left.
    if (bytes[1] === COMMA) {
      bytes.copyWithin(1, 2, length);
      length -= 1;
    }
    json.length = length;
  }
}

const IS_NUMBER = { partition: true, message_offset: true, message_key: false, message_id: false } as const;

/** Where a piece's name begins: behind its comma, if it has one. */
const nameAt = (bytes: Uint8Array, from: number): number => (bytes[from] === COMMA ? from + 1 : from);

/** How a column gives this value back, if it does so exactly. */
function fateOf(row: SpanRow, column: GivingColumn, bytes: Uint8Array, start: number, end: number): Fate {
  const isText = bytes[start] === QUOTE;
  if (column === "message_key" || column === "message_id") {
    const text = column === "message_key" ? row.messageKey : row.messageId;
    return isText && text !== null && isSame(text, bytes, start + 1, end - 1) ? Fate.text : Fate.stays;
  }
  const number = column === "partition" ? row.partition : row.messageOffset;
  if (number === null) return Fate.stays;
  const written = isText ? numberAt(bytes, start + 1, end - 1) : numberAt(bytes, start, end);
  if (written !== Number(number)) return Fate.stays;
  return isText ? Fate.text : Fate.number;
}

/** True where JSON's bytes between the quotes are the text: ASCII, and nothing escaped. */
function isSame(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  if (text.length !== end - start) return false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code !== bytes[start + i] || code > 0x7f || code === BACKSLASH) return false;
  }
  return true;
}

/** A whole number as Postgres spells one, too: no sign, no leading zero, and few digits. -1 for anything else. */
function numberAt(bytes: Uint8Array, start: number, end: number): number {
  if (end === start || end - start > DIGITS_MAX || (bytes[start] === ZERO && end - start > 1)) return -1;
  let number = 0;
  for (let i = start; i < end; i += 1) {
    const digit = (bytes[i] as number) - ZERO;
    if (digit < 0 || digit > 9) return -1;
    number = number * 10 + digit;
  }
  return number;
}
