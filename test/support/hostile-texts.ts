import fc from "fast-check";

const KNOWN = [
  "\u0000",
  "a\u0000b",
  "\u001b]0;x\u0007",
  "../../../../etc/passwd",
  "..\\..\\windows",
  "%2e%2e%2f",
  "';DROP TABLE spans;--",
  "1' OR '1'='1",
  "$1",
  "\\x00",
  "{}",
  "[[[[",
  '{"a":'.repeat(500),
  `{"traceId":"${"f".repeat(32)}"}`,
  "0".repeat(32),
  "f".repeat(32),
  "F".repeat(32),
  "00-00000000000000000000000000000000-0000000000000000-00",
  "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  "orders/2147483648/1",
  "orders/0/9223372036854775807",
  "orders/0/9223372036854775808",
  "orders/-1/-1",
  "orders/1e3/1",
  "a".repeat(250) + "/0/1",
  "a".repeat(5_000),
  "\ud800",
  "\u{10ffff}",
  "e\u0301".repeat(300),
  "__proto__",
  "constructor",
  "null",
  "-9223372036854775808",
  "NaN",
  "1e999",
  " ",
  "\r\nx-injected: 1",
  "?q=1#x",
];

/** Texts that somebody may paste or an attacker may send, the same in every run. */
export function hostileTexts(count: number): string[] {
  const hex = fc.string({
    unit: fc.constantFrom(...Array.from("0123456789abcdefABCDEF-:")),
    minLength: 28,
    maxLength: 60,
  });
  const place = fc
    .tuple(
      fc.string({ maxLength: 20 }),
      fc.bigInt({ min: -10n, max: 1n << 66n }),
      fc.bigInt({ min: -10n, max: 1n << 70n }),
    )
    .map((it) => it.join("/"));
  const any = fc.oneof(
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.string({ unit: "grapheme", maxLength: 80 }),
    fc.json(),
    fc.webUrl({ withQueryParameters: true }),
    fc.constantFrom(...KNOWN).chain((it) => fc.string({ maxLength: 5 }).map((tail) => it + tail)),
    hex,
    place,
  );
  return [...KNOWN, ...fc.sample(any, { numRuns: count - KNOWN.length, seed: 8712 })];
}
