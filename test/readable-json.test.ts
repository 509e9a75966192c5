import { Client } from "pg";
import { assertReadable } from "../trace-store/write/readable-json.ts";

const postgres = new Client({ connectionString: process.env["DATABASE_URL"] });
beforeAll(() => postgres.connect());
afterAll(() => postgres.end());

const asJsonb = async (json: string): Promise<unknown> =>
  (await postgres.query("SELECT $1::jsonb", [json])).rowCount;

test.each([
  String.raw`{"a": "\u0000"}`,
  String.raw`{"\u0000": 1}`,
  String.raw`{"a": ["\\", "\ud800"]}`,
  '{"n": 1e200000}',
  '{"n": [-1E+200000]}',
  '{"n": 1e-200000}',
  `{"n": ${"9".repeat(140_000)}}`,
])("JSON that Postgres takes as json and not as jsonb is refused", async (json) => {
  await postgres.query("SELECT $1::json", [json]);

  await expect(asJsonb(json)).rejects.toMatchObject({ code: expect.stringMatching(/^22/) as unknown });
  expect(() => assertReadable(Buffer.from(json))).toThrow(RangeError);
});

test.each([
  String.raw`{"a": "\\u0000", "b": "\\\"e999999"}`,
  String.raw`{"a": "\ud83d\ude00\u001f"}`,
  '{"e12345": "1e200000", "t": true, "n": [1e308, -5e-324, 1E5, 0.5]}',
  `{"long": "${"x".repeat(140_000)}", "n": [1, 1.5]}`,
])("JSON that can be read is taken", async (json) => {
  expect(() => assertReadable(Buffer.from(json))).not.toThrow();
  expect(await asJsonb(json)).toBe(1);
});
