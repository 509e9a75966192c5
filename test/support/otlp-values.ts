import { ATTRIBUTES_MAX, KEY_BYTES_MAX, TEXT_BYTES_MAX } from "../../trace-store/ingest/bounds.ts";
import { Fact, factNamed, Facts, type FactValue } from "../../trace-store/ingest/facts.ts";
import { cutText, Mark } from "../../trace-store/ingest/sanitise.ts";

/** A message as protobufjs gives it. */
export type Wire = { [field: string]: unknown };
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
export const strictUtf8 = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

/** Reads one request: sanitising as it goes, with the marks of the span (or of what stands around it) in hand. */
export class Reading {
  marks = 0;
  cuts: { [key: string]: number } = {};
  facts = new Facts();

  text(bytes: Uint8Array | undefined): string {
    const text = utf8.decode(bytes);
    try {
      strictUtf8.decode(bytes);
    } catch {
      this.marks |= Mark.invalidUtf8;
    }
    if (text.includes("\0")) this.marks |= Mark.nul;
    return text.replaceAll("\0", "\ufffd");
  }

  shortText(bytes: Uint8Array | undefined, lengthMax: number): string {
    const text = this.text(bytes);
    if (text.length > lengthMax) this.marks |= Mark.cut;
    return cutText(text, lengthMax);
  }

  cut(bytes: Uint8Array, bytesMax: number, key: Uint8Array): Uint8Array {
    if (bytes.length <= bytesMax) return bytes;
    this.noteCut(bytes.length, key);
    let end = bytesMax;
    while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end--;
    return bytes.subarray(0, end);
  }

  noteCut(length: number, key: Uint8Array): void {
    this.marks |= Mark.cut;
    const name = utf8.decode(key.subarray(0, KEY_BYTES_MAX)).replaceAll("\0", "\ufffd");
    const known = Object.hasOwn(this.cuts, name) ? (this.cuts[name] as number) : 0;
    if (Object.keys(this.cuts).length === ATTRIBUTES_MAX) return;
    Object.defineProperty(this.cuts, name, {
      value: Math.max(known, length),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }

  value(value: Wire | undefined, key: Uint8Array): Json {
    switch (value?.["value"]) {
      case "stringValue":
        return this.text(this.cut(value["stringValue"] as Uint8Array, TEXT_BYTES_MAX, key));
      case "boolValue":
        return value["boolValue"] as boolean;
      case "intValue": {
        const exact = BigInt(String(value["intValue"]));
        return BigInt(Number(exact)) === exact && Number.isSafeInteger(Number(exact))
          ? Number(exact)
          : String(exact);
      }
      case "doubleValue": {
        const double = value["doubleValue"] as number;
        return Number.isFinite(double) ? double + 0 : String(double);
      }
      case "bytesValue": {
        const bytes = value["bytesValue"] as Uint8Array;
        if (bytes.length > TEXT_BYTES_MAX) this.noteCut(bytes.length, key);
        return Buffer.from(bytes.subarray(0, TEXT_BYTES_MAX)).toString("base64");
      }
      case "arrayValue": {
        const array = value["arrayValue"] as Wire;
        if (array instanceof Uint8Array) return this.tooDeep();
        return list(array["values"]).map((element) => this.value(element, key));
      }
      case "kvlistValue": {
        const map = value["kvlistValue"] as Wire;
        if (map instanceof Uint8Array) return this.tooDeep();
        return Object.fromEntries(list(map["values"]).map((it) => this.keyValue(it)));
      }
      default:
        return null;
    }
  }

  tooDeep(): Json {
    this.marks |= Mark.tooDeep;
    return "[too deep]";
  }

  keyValue(keyValue: Wire): [string, Json] {
    const key = bytesOf(keyValue["key"]);
    const name = this.text(this.cut(key, KEY_BYTES_MAX, key));
    return [name, this.value(keyValue["value"] as Wire | undefined, key)];
  }

  /** Returns the attributes that are kept, and how many are not. */
  attributes(keyValues: unknown): { kept: Json; dropped: number } {
    const entries = list(keyValues).map((keyValue) => {
      const entry = this.keyValue(keyValue);
      const fact = factNamed(utf8.decode(bytesOf(keyValue["key"])).replaceAll("\0", "\ufffd"));
      if (fact !== Fact.none) this.facts.set(fact, this.factValue(keyValue["value"] as Wire, entry[1]));
      return entry;
    });
    const kept = entries.slice(0, ATTRIBUTES_MAX);
    return { kept: Object.fromEntries(kept), dropped: entries.length - kept.length };
  }

  factValue(value: Wire | undefined, json: Json): FactValue {
    if (value?.["value"] === "intValue") return BigInt(String(value["intValue"]));
    if (value?.["value"] === "doubleValue") return value["doubleValue"] as number;
    if (value?.["value"] === "bytesValue") return null;
    if (Array.isArray(json)) return json.filter((element) => typeof element === "string");
    return typeof json === "object" ? null : json;
  }
}

export function list(value: unknown): Wire[] {
  return (value as Wire[] | undefined) ?? [];
}

export function bytesOf(value: unknown): Uint8Array {
  // What is absent comes as an empty array.
  return value instanceof Uint8Array ? value : new Uint8Array();
}

export function hexOf(value: unknown): string {
  return Buffer.from(bytesOf(value)).toString("hex");
}

export function bigintOf(value: unknown): bigint {
  return BigInt((value as { toString(): string } | undefined)?.toString() ?? 0);
}
