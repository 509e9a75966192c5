import { createHash } from "node:crypto";
import { Fact, factNamed, Facts, type FactValue } from "../../trace-store/ingest/facts.ts";
import { normalise, Thrown } from "../../trace-store/ingest/normalise.ts";
import type { LinkRow, ResourceRow, SpanRow } from "../../trace-store/span/span-row.ts";
import { EverydayTracesData } from "./otlp-schema.ts";

/**
 * Decodes a request the everyday way: protobufjs, then rows with the decoder's own normalisation, attributes by
 * `JSON.stringify`. What our decoder is measured against. It bounds and sanitises nothing.
 */
export function libraryRows(bytes: Buffer): SpanRow[] {
  const request = EverydayTracesData.decode(bytes) as unknown as { resourceSpans: WireResourceSpans[] };
  const rows: SpanRow[] = [];
  for (const { resource, scopeSpans } of request.resourceSpans) {
    const facts = new Facts();
    const attributes = jsonOf(resource?.attributes ?? [], facts);
    const hash = createHash("sha256").update(attributes).digest("hex");
    const service = facts.text(Fact.serviceName) ?? "unknown_service";
    for (const { scope, spans } of scopeSpans) {
      for (const span of spans) rows.push(rowOf(span, service, { hash, attributes, detail: null }, scope));
    }
  }
  return rows;
}

interface WireAny {
  readonly value?: string;
  readonly stringValue: string;
  readonly boolValue: boolean;
  readonly intValue: { toNumber(): number; toString(): string };
  readonly doubleValue: number;
  readonly bytesValue: Buffer;
  readonly arrayValue: { readonly values: WireAny[] };
  readonly kvlistValue: { readonly values: WireKeyValue[] };
}
interface WireKeyValue {
  readonly key: string;
  readonly value: WireAny | null;
}
interface WireLong {
  readonly low: number;
  readonly high: number;
}
interface WireSpan {
  readonly traceId: Buffer;
  readonly spanId: Buffer;
  readonly parentSpanId: Buffer;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: WireLong;
  readonly endTimeUnixNano: WireLong;
  readonly attributes: WireKeyValue[];
  readonly events: { timeUnixNano: WireLong; name: string; attributes: WireKeyValue[] }[];
  readonly links: { traceId: Buffer; spanId: Buffer }[];
  readonly status: { readonly code: number; readonly message: string } | null;
  readonly flags: number;
}
interface WireResourceSpans {
  readonly resource: { readonly attributes: WireKeyValue[] } | null;
  readonly scopeSpans: { scope: { name: string; version: string } | null; spans: WireSpan[] }[];
}

function valueOf(any: WireAny | null): unknown {
  if (any === null) return null;
  switch (any.value ?? "") {
    case "stringValue":
      return any.stringValue;
    case "boolValue":
      return any.boolValue;
    case "intValue":
      return any.intValue.toNumber();
    case "doubleValue":
      return any.doubleValue;
    case "bytesValue":
      return any.bytesValue.toString("base64");
    case "arrayValue":
      return any.arrayValue.values.map(valueOf);
    case "kvlistValue":
      return Object.fromEntries(any.kvlistValue.values.map(({ key, value }) => [key, valueOf(value)]));
    default:
      return null;
  }
}

function jsonOf(attributes: readonly WireKeyValue[], facts: Facts): Buffer {
  const object: { [key: string]: unknown } = {};
  for (const { key, value: any } of attributes) {
    const value = valueOf(any);
    object[key] = value;
    const fact = factNamed(key);
    if (fact !== Fact.none) facts.set(fact, value as FactValue);
  }
  return Buffer.from(JSON.stringify(object), "utf8");
}

const bigintOf = ({ low, high }: WireLong): bigint => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

function rowOf(
  span: WireSpan,
  service: string,
  resource: ResourceRow,
  scope: { name: string; version: string } | null,
): SpanRow {
  const facts = new Facts();
  const startNs = bigintOf(span.startTimeUnixNano);
  const links: LinkRow[] = span.links.map((link) => ({
    traceId: link.traceId.toString("hex"),
    spanId: link.spanId.toString("hex"),
  }));
  const detail = {
    ...(scope && { scope: { name: scope.name, version: scope.version } }),
    flags: span.flags,
    ...(span.status?.message && { status: span.status.message }),
    ...(span.events.length > 0 && {
      events: span.events.map((event) => ({
        time: String(bigintOf(event.timeUnixNano)),
        name: event.name,
        attributes: Object.fromEntries(event.attributes.map(({ key, value }) => [key, valueOf(value)])),
      })),
    }),
  };
  const row: SpanRow = {
    traceId: span.traceId.toString("hex"),
    spanId: span.spanId.toString("hex"),
    parentSpanId: span.parentSpanId.length > 0 ? span.parentSpanId.toString("hex") : null,
    startNs,
    durationNs: bigintOf(span.endTimeUnixNano) - startNs,
    service,
    name: span.name,
    kind: span.kind,
    status: span.status?.code ?? 0,
    resource,
    operation: 0,
    cluster: "",
    topic: null,
    partition: null,
    messageOffset: null,
    consumerGroup: null,
    messageKey: null,
    messageId: null,
    attempt: null,
    voidBefore: null,
    attributes: jsonOf(span.attributes, facts),
    isReadable: true,
    detail: Buffer.from(JSON.stringify(detail), "utf8"),
    links,
    ranges: [],
  };
  normalise(row, facts, { places: [], thrown: Thrown.nothing }, scope?.name ?? "");
  return row;
}
