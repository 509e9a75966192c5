import { Client } from "pg";
import { MalformedError } from "../trace-store/ingest/decode.ts";
import { decodeRecord } from "../trace-store/ingest/detect.ts";
import type { SpanRow } from "../trace-store/span/span-row.ts";
import { aSpan, encodeTraces, type Attributes } from "./support/otlp.ts";
import { POISONS } from "./support/poisons.ts";

const INT64_MAX = 2n ** 63n - 1n;
const postgres = new Client({ connectionString: process.env["DATABASE_URL"] });
beforeAll(() => postgres.connect());
afterAll(() => postgres.end());

function rowOf(attributes: Attributes): SpanRow {
  const [row] = decodeRecord(encodeTraces([aSpan({ attributes })])).rows;
  if (!row) throw new Error("no row");
  return row;
}

/** Lets Postgres say what it thinks of everything in a row that could trouble it. */
async function expectStorable(row: SpanRow): Promise<void> {
  const json = [row.attributes, row.resource.attributes, row.detail ?? Buffer.from("{}")].map(String);
  const texts = [
    row.service,
    row.name,
    row.topic,
    row.consumerGroup,
    row.messageKey,
    row.messageId,
    row.cluster,
  ];
  const times = [row.startNs, row.durationNs].map(String);

  await postgres.query("SELECT $1::jsonb, $2::jsonb, $3::jsonb", json);
  await postgres.query("SELECT $1::text[], $2::bigint[], $3::int, $4::bigint", [
    texts,
    times,
    row.partition,
    row.messageOffset === null ? null : String(row.messageOffset),
  ]);
}

/** What becomes of a record, whether it is malformed as a whole or one span of it is rejected. */
function dealWith(bytes: Buffer): { rows: SpanRow[]; reasons: string[] } {
  try {
    const { rows, rejected } = decodeRecord(bytes);
    return { rows, reasons: rejected.map(({ reason }) => reason) };
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    return { rows: [], reasons: [error.reason] };
  }
}

const quarantined = POISONS.flatMap(({ name, bytes, expected }) =>
  "quarantined" in expected ? [{ name, bytes, reason: expected.quarantined }] : [],
);
const stored = POISONS.flatMap(({ name, bytes, expected }) =>
  "stored" in expected ? [{ name, bytes, marks: expected.stored }] : [],
);

test.each(quarantined)("$name: nothing is stored, and the reason is $reason", ({ bytes, reason }) => {
  expect(dealWith(bytes)).toEqual({ rows: [], reasons: [reason] });
});

test.each(stored)(
  "$name: Postgres takes the span, and its detail says what was changed",
  async ({ bytes, marks }) => {
    const { rows, reasons } = dealWith(bytes);
    const details = rows.map((row) => JSON.parse(String(row.detail ?? "{}")) as { sanitized?: string[] });

    expect(reasons).toEqual([]);
    expect(details.map(({ sanitized }) => sanitized ?? [])).toEqual([marks]);
    for (const row of rows) await expectStorable(row);
  },
);

test("there are at least 40 kinds of bad records, each under its own name", () => {
  expect(new Set(POISONS.map(({ name }) => name)).size).toBe(POISONS.length);
  expect(POISONS.length).toBeGreaterThanOrEqual(40);
});

test("what a poisoned key says never reaches a prototype", () => {
  for (const { bytes } of POISONS) dealWith(bytes);

  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
});

test("a cut text ends between characters and its full length is kept", () => {
  const row = rowOf({ body: `${"x".repeat(2_047)}é${"y".repeat(100)}` });

  expect(JSON.parse(String(row.attributes))).toEqual({ body: "x".repeat(2_047) });
  expect(JSON.parse(String(row.detail))).toMatchObject({ sanitized: ["cut"], cut: { body: 2_149 } });
});

test("attributes beyond 128 are counted, and still say where the message lies", () => {
  const many = Object.fromEntries(Array.from({ length: 130 }, (_, i) => [`a${i}`, i]));

  const row = rowOf({
    ...many,
    "messaging.system": "kafka",
    "messaging.destination.name": "orders",
    "messaging.destination.partition.id": "3",
    "messaging.kafka.offset": 4711,
  });

  expect(Object.keys(JSON.parse(String(row.attributes)) as object)).toHaveLength(128);
  expect(JSON.parse(String(row.detail))).toMatchObject({ dropped: { attributes: 6, events: 0, links: 0 } });
  expect(row).toMatchObject({ topic: "orders", partition: 3, messageOffset: 4711n });
});

test("64-bit integers stay exact: as numbers up to 2^53, as strings beyond", () => {
  const row = rowOf({ a: 2n ** 53n - 1n, b: 2n ** 53n + 1n, c: INT64_MAX, d: -(2n ** 63n) });

  expect(String(row.attributes)).toBe(
    '{"a":9007199254740991,"b":"9007199254740993","c":"9223372036854775807","d":"-9223372036854775808"}',
  );
});

test("a key is cut to what is indexed, whole in the attributes up to 2,048 bytes", () => {
  const key = "k".repeat(1_000);

  const row = rowOf({ "messaging.system": "kafka", "messaging.kafka.message.key": key });

  expect(row.messageKey).toBe("k".repeat(512));
  expect(JSON.parse(String(row.attributes))).toMatchObject({ "messaging.kafka.message.key": key });
});

test("a span without a service name is unknown_service, as the conventions say", () => {
  const { rows } = decodeRecord(encodeTraces([aSpan({ service: "" })]));

  expect(rows[0]?.service).toBe("unknown_service");
});
