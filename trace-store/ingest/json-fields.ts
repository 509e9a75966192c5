import { MalformedError } from "./malformed.ts";

/** An object of OTLP/JSON. */
export type JsonObject = { readonly [key: string]: unknown };

const HEX = /^(?:[0-9a-fA-F]{2})*$/;
const INTEGER = /^-?\d{1,20}$/;
const NO_ELEMENTS: readonly unknown[] = [];
const UINT64_MAX = 2n ** 64n - 1n;
const INT64_MIN = -(2n ** 63n);

function wrong(key: string, expected: string): never {
  throw new MalformedError(
    "invalid_json",
    `OTLP/JSON has ${expected} in "${key}"; the request has something else.`,
  );
}

/** Reads a JSON value as an object. */
export function objectOf(value: unknown, key: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value)) wrong(key, "an object");
  return value as JsonObject;
}

/** Reads a field that is an object; `undefined` where it is absent or null. */
export function objectIn(object: JsonObject, key: string): JsonObject | undefined {
  const value = object[key] ?? undefined;
  return value === undefined ? undefined : objectOf(value, key);
}

/** Reads a field that is an array of objects; empty where it is absent or null. */
export function objectsIn(object: JsonObject, key: string): JsonObject[] {
  const value = object[key] ?? NO_ELEMENTS;
  if (!Array.isArray(value)) wrong(key, "an array");
  return (value as unknown[]).map((element) => objectOf(element, key));
}

/** Reads a field that is a string; empty where it is absent or null. */
export function textIn(object: JsonObject, key: string): string {
  const value = object[key] ?? "";
  return typeof value === "string" ? value : wrong(key, "a string");
}

/** Reads an id in hex. One that is not hex becomes empty, so that its span is rejected and no other. */
export function idIn(object: JsonObject, key: string): Buffer {
  const text = textIn(object, key);
  return HEX.test(text) ? Buffer.from(text, "hex") : Buffer.alloc(0);
}

/** Reads a 64-bit integer, a string or a number; 0 where it is absent or null. */
export function integerIn(object: JsonObject, key: string): bigint {
  const value = object[key] ?? 0;
  const isExact =
    typeof value === "number"
      ? Number.isSafeInteger(value)
      : typeof value === "string" && INTEGER.test(value);
  if (!isExact) wrong(key, "a 64-bit integer");
  const integer = BigInt(value as string | number);
  return integer >= INT64_MIN && integer <= UINT64_MAX ? integer : wrong(key, "a 64-bit integer");
}

/** Reads an enum: its number, as OTLP/JSON has it, or its name, as protobuf's JSON allows. */
export function enumIn(object: JsonObject, key: string, names: readonly string[]): bigint {
  const value = object[key];
  if (typeof value === "string") {
    const named = names.indexOf(value);
    if (named >= 0) return BigInt(named);
  }
  return integerIn(object, key);
}

/** Reads a double, which protobuf's JSON may spell (`"NaN"`). */
export function doubleIn(object: JsonObject, key: string): number {
  const value = object[key];
  const number = typeof value === "string" ? Number(value) : value;
  const isNumber = typeof number === "number" && (value === "NaN" || !Number.isNaN(number));
  return isNumber ? number : wrong(key, "a number");
}
