import { randomBytes } from "node:crypto";
import { TracesData } from "./otlp-schema.ts";

/** An attribute as a test writes it: a whole number becomes an int, another one a double, a Buffer bytes. */
export type AttributeValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Buffer
  | readonly AttributeValue[]
  | { readonly [key: string]: AttributeValue };
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** OTLP's SpanKind. */
export const Kind = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 } as const;

/** A span as a test writes it; `encodeTraces` sends spans of one service in one ResourceSpans. */
export interface TestSpan {
  /** Hex. */
  traceId: string;
  spanId: string;
  parentSpanId: string;
  traceState: string;
  name: string;
  kind: number;
  startNs: bigint;
  endNs: bigint;
  attributes: Attributes;
  events: readonly { timeNs: bigint; name: string; attributes?: Attributes }[];
  links: readonly { traceId: string; spanId: string; traceState?: string; attributes?: Attributes }[];
  status: { code?: number; message?: string };
  flags: number;
  service: string;
  /** Attributes of the resource beside `service.name`. */
  resource: Attributes;
  scope: { name: string; version: string };
}

const NO_ATTRIBUTES: Attributes = {};
const TEST_SCOPE = { name: "test", version: "1" };

/** A span that began now and took 1 ms, with random ids; what is given replaces what is not. */
export function aSpan(given: Partial<TestSpan> = {}): TestSpan {
  const startNs = given.startNs ?? BigInt(Date.now()) * 1_000_000n;
  return {
    traceId: randomBytes(16).toString("hex"),
    spanId: randomBytes(8).toString("hex"),
    parentSpanId: "",
    traceState: "",
    name: "send orders",
    kind: Kind.producer,
    endNs: startNs + 1_000_000n,
    attributes: {},
    events: [],
    links: [],
    status: {},
    flags: 0x101,
    service: "checkout",
    resource: NO_ATTRIBUTES,
    scope: TEST_SCOPE,
    ...given,
    startNs,
  };
}

const utf8 = (text: string): Buffer => Buffer.from(text, "utf8");
const hex = (text: string): Buffer => Buffer.from(text, "hex");

/** An attribute's value as OTLP's `AnyValue`. */
export function anyValue(value: AttributeValue): object {
  if (value === null) return {};
  if (typeof value === "string") return { stringValue: utf8(value) };
  if (typeof value === "boolean") return { boolValue: value };
  if (typeof value === "bigint") return { intValue: String(value) };
  if (typeof value === "number") {
    return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
  }
  if (Buffer.isBuffer(value)) return { bytesValue: value };
  if (Array.isArray(value)) return { arrayValue: { values: value.map(anyValue) } };
  return { kvlistValue: { values: keyValues(value as Attributes) } };
}

export function keyValues(attributes: Attributes = {}): object[] {
  return Object.entries(attributes).map(([key, value]) => ({ key: utf8(key), value: anyValue(value) }));
}

function wireSpan(span: TestSpan): object {
  return {
    traceId: hex(span.traceId),
    spanId: hex(span.spanId),
    traceState: utf8(span.traceState),
    parentSpanId: hex(span.parentSpanId),
    name: utf8(span.name),
    kind: span.kind,
    startTimeUnixNano: String(span.startNs),
    endTimeUnixNano: String(span.endNs),
    attributes: keyValues(span.attributes),
    events: span.events.map((event) => ({
      timeUnixNano: String(event.timeNs),
      name: utf8(event.name),
      attributes: keyValues(event.attributes),
    })),
    links: span.links.map((link) => ({
      traceId: hex(link.traceId),
      spanId: hex(link.spanId),
      traceState: utf8(link.traceState ?? ""),
      attributes: keyValues(link.attributes),
    })),
    status: {
      ...(span.status.code !== undefined && { code: span.status.code }),
      ...(span.status.message !== undefined && { message: utf8(span.status.message) }),
    },
    flags: span.flags,
  };
}

/** Encodes an object of `TracesData`'s shape (strings as Buffers) that no test span can express. */
export function encodeMessage(message: object): Buffer {
  return Buffer.from(TracesData.encode(TracesData.fromObject(message)).finish());
}

/** Encodes spans as one `ExportTraceServiceRequest`: a ResourceSpans for each run of spans of one origin. */
export function encodeTraces(spans: readonly TestSpan[]): Buffer {
  const groups: TestSpan[][] = [];
  for (const span of spans) {
    const last = groups[groups.length - 1];
    const first = last?.[0];
    const isSameOrigin =
      first?.service === span.service && first.resource === span.resource && first.scope === span.scope;
    if (last && isSameOrigin) last.push(span);
    else groups.push([span]);
  }
  return encodeMessage({
    resourceSpans: groups.map((group) => {
      const { service, resource, scope } = group[0] as TestSpan;
      return {
        resource: { attributes: keyValues({ "service.name": service, ...resource }) },
        scopeSpans: [
          {
            scope: { name: utf8(scope.name), version: utf8(scope.version) },
            spans: group.map(wireSpan),
          },
        ],
      };
    }),
  });
}
