import { decodeTraces } from "../../trace-store/ingest/decode.ts";
import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { capturedBodies } from "../support/peer-runs.ts";
import { aSpan, encodeMessage, encodeTraces, keyValues, type AttributeValue } from "../support/otlp.ts";
import { random } from "../support/otlp-mutants.ts";
import { expectedOf } from "../support/otlp-oracle.ts";
import type { TestServer } from "../support/database.ts";
import { aPart } from "../support/span-rows.ts";
import { aStore, type TestStore } from "../support/stores.ts";

// A set of attributes goes with the resource from its second sight on: whatever comes a third time is shared.
const SIGHTS = 3;

const isShared = (row: SpanRow): boolean => row.resource.detail?.includes('"columns":') === true;

/** Decodes until everything that is shared at all is, with starts that are not past retention. */
function decoded(bodies: readonly Buffer[]): SpanRow[] {
  let rows: SpanRow[] = [];
  for (let i = 0; i < SIGHTS; i += 1) rows = bodies.flatMap((body) => decodeTraces(body).rows);
  const startNs = BigInt(Date.now()) * 1_000_000n;
  for (const row of rows) row.startNs = startNs;
  return rows;
}

interface Shown {
  readonly trace_hex: string;
  readonly span_id: string;
  readonly attributes: unknown;
  readonly detail: unknown;
}

/** What `trail.spans` shows of spans that went through the store, and what they came with. */
async function shownAndSent(
  store: TestStore,
  bodies: readonly Buffer[],
): Promise<{ shown: unknown[]; sent: unknown[] }> {
  await store.reset();
  const rows = decoded(bodies);
  await store.writer.write({ parts: [aPart(rows)] });
  const shown = await store.query<Shown>("SELECT trace_hex, span_id, attributes, detail FROM trail.spans");
  const expected = bodies.flatMap((body) => {
    const request = expectedOf(body);
    return request === "malformed" ? [] : request.rows;
  });
  const byId = new Map(
    expected.map(({ traceId, spanId, attributes, detail }) => [
      traceId + spanId,
      { trace_hex: traceId, span_id: spanId, attributes, detail },
    ]),
  );
  expect(shown).toHaveLength(byId.size);
  return { shown, sent: shown.map((it) => byId.get(it.trace_hex + it.span_id)) };
}

const NAMES = [
  "messaging.system",
  "messaging.system.name",
  "messaging.destination.name",
  "messaging.destination",
  "messaging.operation",
  "messaging.operation.name",
  "messaging.operation.type",
  "messaging.consumer.group.name",
  "messaging.kafka.consumer.group",
  "messaging.client.id",
  "messaging.client_id",
  "messaging.destination.partition.id",
  "messaging.kafka.destination.partition",
  "messaging.kafka.source.partition",
  "messaging.kafka.partition",
  "messaging.kafka.offset",
  "kafka.offset",
  "messaging.kafka.message.offset",
  "messaging.kafka.message.key",
  "kafka.message.key",
  "messaging.message.id",
  "messaging.message_id",
  "kafka_trail.attempt",
  "http.route",
  "",
];
const VALUES: readonly AttributeValue[] = [
  "kafka", "orders", "process", "send", "billing", "app-1", "3", "03", "-3", "3.0", " 3", "", "order-7", 'quo"ted', "back\\slash",
  "naïve ☕", "nul\0inside", "tab\t", "x".repeat(300), 3, 0, -1, 4711, 3.5, 2 ** 31, 2n ** 53n + 1n, 2n ** 63n - 1n, true, null,
  ["orders"], { a: "3" }, Buffer.from("3"),
]; // prettier-ignore

/** What every supported Postgres must show of attributes that are not stored with their spans. */
export function sharedAttributesContract(server: () => TestServer | undefined): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await aStore(server());
  });
  afterAll(() => store.close());

  test("whatever attributes a span has, all of them are shown as they came", async () => {
    const next = random(20_260_807);
    const pick = <T>(from: readonly T[]): T => from[next(from.length)] as T;
    const usual = (): Record<string, AttributeValue> => ({
      "messaging.system": "kafka",
      "messaging.destination.name": "orders",
      "messaging.operation.type": "process",
      "messaging.destination.partition.id": pick<AttributeValue>(["3", 3]),
      "messaging.kafka.offset": pick<AttributeValue>([next(5_000), String(next(5_000))]),
      "messaging.kafka.message.key": `order-${next(1_000)}`,
      "messaging.message.id": `message-${next(1_000)}`,
    });
    const spans = Array.from({ length: 2_000 }, () => {
      const odd = Array.from({ length: next(4) }, () => [pick(NAMES), pick(VALUES)] as const);
      const entries = [...(next(4) === 0 ? [] : Object.entries(usual())), ...odd];
      // What is taken out may stand at either end.
      const attributes = Object.fromEntries(next(2) === 0 ? entries : entries.toReversed());
      return aSpan({
        kind: pick([4, 5]),
        service: `app-${next(40)}`,
        attributes,
        flags: pick([0, 0x101]),
        scope: pick([
          { name: "", version: "" },
          { name: "kafka-trail", version: "1" },
        ]),
        status: next(10) === 0 ? { code: 2, message: "no" } : {},
      });
    });
    const body = encodeTraces(spans);

    expect(decoded([body]).filter(isShared).length).toBeGreaterThan(700);
    const { shown, sent } = await shownAndSent(store, [body]);

    expect(shown).toEqual(sent);
  });

  test("of a name that comes twice on a span, the last value is shown", async () => {
    const usual = { "messaging.system": "kafka", "messaging.destination.name": "orders" };
    const at = { "messaging.destination.partition.id": "3", "messaging.kafka.offset": 4711 };
    const orders = [
      [at, usual, { "messaging.destination.name": "stock" }],
      [usual, at, { "messaging.kafka.offset": "4711" }],
      [usual, at, { "messaging.kafka.offset": 4711 }],
      [usual, at, { "messaging.system": 7 }],
    ];
    const spans = orders.map((attributes, i) => ({
      traceId: Buffer.alloc(16, i + 1),
      spanId: Buffer.alloc(8, i + 1),
      attributes: attributes.flatMap((it) => keyValues(it)),
    }));
    const body = encodeMessage({ resourceSpans: [{ scopeSpans: [{ spans }] }] });

    const { shown, sent } = await shownAndSent(store, [body]);

    expect(shown).toEqual(sent);
  });

  test.each(["java-plain", "java-stable", "go-kotel", "node-kafkajs", "python-aiokafka", "python-confluent", "python-kafkapython"] as const)(
  "%s: spans as its programs sent them are shown as they came",
  async (peer) => {
    const bodies = capturedBodies(peer);

    expect(decoded(bodies).some(isShared)).toBe(true);
    const { shown, sent } = await shownAndSent(store, bodies);

    expect(shown).toEqual(sent);
  },
); // prettier-ignore

  test("a program with very many sets of attributes has few resources, and its spans are whole", async () => {
    const topics = Array.from({ length: 400 }, (_, i) => `mirrored-${i}`);
    const body = encodeTraces(
      topics.map((topic) =>
        aSpan({
          service: "mirror",
          attributes: { "messaging.system": "kafka", "messaging.destination.name": topic },
        }),
      ),
    );

    expect(new Set(decoded([body]).map(({ resource }) => resource.hash)).size).toBeLessThanOrEqual(129);
    const { shown, sent } = await shownAndSent(store, [body]);

    expect(shown).toEqual(sent);
  });

  test("spans whose resource finds no room in its dictionary are shown whole", async () => {
    const body = encodeTraces(
      Array.from({ length: 5 }, (_, i) =>
        aSpan({
          service: "no-room",
          attributes: {
            "messaging.system": "kafka",
            "messaging.destination.name": "orders",
            "messaging.destination.partition.id": "3",
            "messaging.kafka.offset": 4_711 + i,
          },
        }),
      ),
    );
    await store.reset();
    const rows = decoded([body]);
    expect(rows.every(isShared)).toBe(true);
    const writer = store.anotherWriter({
      dictionaryCaps: { services: 9, spanNames: 9, topics: 9, consumerGroups: 9, resources: 0 },
    });

    await writer.write({ parts: [aPart(rows)] });

    const shown = await store.query(
      "SELECT attributes, detail, resource FROM trail.spans ORDER BY message_offset",
    );
    expect(shown).toMatchObject(
      rows.map((_, i) => ({
        attributes: {
          "messaging.system": "kafka",
          "messaging.destination.name": "orders",
          "messaging.destination.partition.id": "3",
          "messaging.kafka.offset": 4_711 + i,
        },
        resource: { "service.name": "no-room" },
      })),
    );
    expect(shown.every((it) => !("attributes" in (it as { detail: object }).detail))).toBe(true);
  });
}
