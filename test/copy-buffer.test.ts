import fc from "fast-check";
import { CopyBuffer } from "../trace-store/write/copy-buffer.ts";
import { byKey, sortRows } from "../trace-store/write/sort-rows.ts";
import { aSpanRow } from "./support/span-rows.ts";

/** What one field looks like on the wire. */
const field = (put: (copy: CopyBuffer) => void): Buffer => {
  const copy = new CopyBuffer();
  copy.start();
  const from = copy.length;
  put(copy);
  return Buffer.from(copy.end().subarray(from, -2));
};
const withLength = (bytes: Buffer): Buffer => {
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
};
const int64 = (value: bigint): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return withLength(bytes);
};
const INT64_MAX = 2n ** 63n - 1n;

test("64-bit numbers, times and 32-bit numbers are written exactly", () => {
  fc.assert(
    fc.property(
      fc.bigInt(0n, INT64_MAX),
      fc.bigInt(-(2n ** 63n), INT64_MAX),
      fc.integer(),
      (ns, value, int) => {
        let restNs = -1;
        expect(field((copy) => (restNs = copy.time(ns)))).toEqual(int64(ns / 1_000n - 946_684_800_000_000n));
        expect(restNs).toBe(Number(ns % 1_000n));
        expect(field((copy) => copy.int64(value))).toEqual(int64(value));
        expect(field((copy) => copy.int32(int)).readInt32BE(4)).toBe(int);
      },
    ),
    {
      numRuns: 2_000,
      examples: [
        [0n, -1n, -1],
        [INT64_MAX, 0n, 0],
        [946_684_800_000_000_000n, 1n, 1],
        [946_684_799_999_999_999n, 1n, 1],
      ],
    },
  );
});

test("text of any kind and length is written as UTF-8, and ids as their bytes", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary", maxLength: 90 }),
      fc.uint8Array({ minLength: 8, maxLength: 16 }),
      (text, bytes) => {
        expect(field((copy) => copy.text(text))).toEqual(withLength(Buffer.from(text)));
        expect(field((copy) => copy.hex(Buffer.from(bytes).toString("hex")))).toEqual(
          withLength(Buffer.from(bytes)),
        );
      },
    ),
    { numRuns: 1_000 },
  );
});

test("a number that does not fit its column is refused", () => {
  for (const value of [2_147_483_648, -2_147_483_649, 1.5, Number.NaN]) {
    expect(() => field((copy) => copy.int32(value))).toThrow(RangeError);
  }
});

test("what is handed out in pieces is the same as in one", () => {
  const rows = Array.from({ length: 3_000 }, (_, i) => "x".repeat(i % 700));
  const put = (copy: CopyBuffer, text: string) => {
    copy.row(2);
    copy.text(text);
    copy.jsonb(Buffer.from(`"${text}"`));
  };

  const whole = new CopyBuffer();
  whole.start();
  for (const row of rows) put(whole, row);
  const copy = new CopyBuffer();
  const pieces: Buffer[] = [];
  copy.start();
  for (const row of rows) {
    put(copy, row);
    if (copy.length > 10_000) pieces.push(copy.take());
  }

  expect(Buffer.concat([...pieces, copy.end()]).equals(whole.end())).toBe(true);
});

test("rows are sorted as their keys are, however alike those are", () => {
  const aRow = fc
    .record({
      // Few characters and few differing places: equal beginnings, equal ids, equal times.
      head: fc.constantFrom("00000000", "ffffffff", "0123abcd"),
      tail: fc.constantFrom("0000", "0001", "ffff"),
      spanId: fc.constantFrom("0000000000000001", "ff00000000000000"),
      startNs: fc.constantFrom(0n, 999n, 1_000n),
    })
    .map(({ head, tail, spanId, startNs }) =>
      aSpanRow({ traceId: `${head}${tail}${"0".repeat(16)}${tail}`, spanId, startNs }),
    );

  fc.assert(
    fc.property(fc.array(aRow, { maxLength: 60 }), (rows) => {
      const sorted = sortRows(rows);

      expect(new Set(sorted)).toEqual(new Set(rows));
      sorted.slice(1).forEach((row, i) => expect(byKey(sorted[i] ?? row, row)).toBeLessThanOrEqual(0));
    }),
  );
});
