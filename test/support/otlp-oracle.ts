import { createHash } from "node:crypto";
import protobuf from "protobufjs";
import type { Decoded } from "../../trace-store/ingest/decode.ts";
import { EVENTS_MAX, LINKS_MAX, NAME_LENGTH_MAX, TEXT_LENGTH_MAX } from "../../trace-store/ingest/bounds.ts";
import { Fact, Facts } from "../../trace-store/ingest/facts.ts";
import { linkPlaceOf, normalise, Thrown, type LinkPlace } from "../../trace-store/ingest/normalise.ts";
import { cutText, Mark, markNames } from "../../trace-store/ingest/sanitise.ts";
import type { SpanRow } from "../../trace-store/span/span-row.ts";
import { assertReadable } from "../../trace-store/write/readable-json.ts";
import { TracesData } from "./otlp-schema.ts";
import { bigintOf, bytesOf, hexOf, list, Reading, strictUtf8, type Json, type Wire } from "./otlp-values.ts";
import { wholeOf } from "./whole-attributes.ts";

/**
 * What a request should become, said slowly and clearly over protobufjs. It shares names of attributes and
 * `normalise` with the decoder, and nothing that reads bytes.
 *
 * Where protobufjs 8.8.1 is more lenient than the protobuf specification, `strictReader` is the specification:
 * a varint of more than ten bytes in an unknown field is malformed. Where the specification leaves a limit open, it takes
 * ours: groups 100 deep, attributes 32 deep (the schema). Merging of repeated messages, wire types that do not fit the
 * field, tags, lengths and groups are protobufjs's own.
 */

const VARINT_BYTES_MAX = 10;
const GROUP_DEPTH_MAX = 100;
// 32 levels of maps are 96 messages deep, and stand below five more.
protobuf.Reader.recursionLimit = 1_000;

function strictReader(bytes: Buffer): protobuf.Reader {
  const reader = protobuf.Reader.create(bytes);
  const skip = reader.skip.bind(reader);
  reader.skip = (length) => {
    if (length !== undefined) return skip(length);
    const start = reader.pos;
    skip();
    if (reader.pos - start > VARINT_BYTES_MAX) throw new Error("varint of more than 10 bytes");
    return reader;
  };
  const skipType = reader.skipType.bind(reader);
  let groups = 0;
  reader.skipType = (wireType, _depth, field) => {
    const isGroup = wireType === 3;
    if (isGroup && ++groups > GROUP_DEPTH_MAX) throw new Error("too many groups inside each other");
    skipType(wireType, 0, field);
    if (isGroup) groups--;
    return reader;
  };
  return reader;
}

/** What stands in the place of `SpanRow`'s Buffers. */
export type ExpectedSpan = Omit<SpanRow, "attributes" | "detail" | "resource"> & {
  attributes: Json;
  detail: Json;
  resource: Json;
};
export interface Expected {
  rows: ExpectedSpan[];
  rejected: { reason: string }[];
}

/** What a request should be decoded to; `"malformed"` where it is no request of spans. */
export function expectedOf(bytes: Buffer): Expected | "malformed" {
  let request: Wire;
  try {
    request = TracesData.decode(strictReader(bytes)) as unknown as Wire;
  } catch {
    return "malformed";
  }
  const expected: Expected = { rows: [], rejected: [] };
  for (const resourceSpans of list(request["resourceSpans"])) {
    const reading = new Reading();
    const resource = reading.attributes((resourceSpans["resource"] as Wire | undefined)?.["attributes"]).kept;
    const service = reading.facts.text(Fact.serviceName);
    for (const scopeSpans of list(resourceSpans["scopeSpans"])) {
      const scope = expectedScope(scopeSpans["scope"] as Wire | undefined);
      for (const span of list(scopeSpans["spans"])) {
        const reason = rejectionOf(span);
        if (reason) expected.rejected.push({ reason });
        else {
          const origin = {
            service: service || "unknown_service",
            resource,
            scope: scope.json,
            scopeName: scope.name,
          };
          expected.rows.push(expectedSpan(span, origin, reading.marks | scope.marks));
        }
      }
    }
  }
  return expected;
}

function rejectionOf(span: Wire): string | undefined {
  if (!isId(bytesOf(span["traceId"]), 16)) return "invalid_trace_id";
  return isId(bytesOf(span["spanId"]), 8) ? undefined : "invalid_span_id";
}

function isId(bytes: Uint8Array, length: number): boolean {
  return bytes.length === length && bytes.some((byte) => byte !== 0);
}

function expectedScope(scope: Wire | undefined): { name: string; json: Json; marks: number } {
  const reading = new Reading();
  const name = reading.shortText(bytesOf(scope?.["name"]), NAME_LENGTH_MAX);
  const version = reading.shortText(bytesOf(scope?.["version"]), NAME_LENGTH_MAX);
  const attributes = list(scope?.["attributes"]);
  const { kept } = reading.attributes(attributes);
  if (name === "" && version === "" && attributes.length === 0)
    return { name, json: null, marks: reading.marks };
  return {
    name,
    json: { name, version, ...(attributes.length > 0 && { attributes: kept }) },
    marks: reading.marks,
  };
}

const INT64_MAX = 2n ** 63n - 1n;
const clamp = (ns: bigint): bigint => (ns > INT64_MAX ? INT64_MAX : ns);

function expectedSpan(
  span: Wire,
  origin: { service: string; resource: Json; scope: Json; scopeName: string },
  marks: number,
): ExpectedSpan {
  const reading = new Reading();
  reading.marks = marks;
  const attributes = reading.attributes(span["attributes"]);
  const events = list(span["events"]).map((event) => expectedEvent(event, reading));
  const { links, places, shown } = expectedLinks(list(span["links"]), reading);
  const start = bigintOf(span["startTimeUnixNano"]);
  const end = bigintOf(span["endTimeUnixNano"]);
  if (start > INT64_MAX || end > INT64_MAX) reading.marks |= Mark.timeOutOfRange;
  if (clamp(end) < clamp(start)) reading.marks |= Mark.endBeforeStart;
  const parent = bytesOf(span["parentSpanId"]);
  if (parent.length !== 0 && parent.length !== 8) reading.marks |= Mark.invalidParentId;
  const kind = Number(span["kind"] ?? 0);
  const status = (span["status"] as Wire | undefined) ?? {};
  const code = Number(status["code"] ?? 0);
  const row: SpanRow = {
    traceId: hexOf(span["traceId"]),
    spanId: hexOf(span["spanId"]),
    parentSpanId: isId(parent, 8) ? hexOf(parent) : null,
    startNs: clamp(start),
    durationNs: clamp(end) < clamp(start) ? 0n : clamp(end) - clamp(start),
    service: cutText(origin.service, NAME_LENGTH_MAX),
    name: reading.shortText(bytesOf(span["name"]), NAME_LENGTH_MAX),
    kind: kind >= 0 && kind <= 5 ? kind : 0,
    status: code >= 0 && code <= 2 ? code : 0,
    resource: { hash: "", attributes: Buffer.alloc(0), detail: null },
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
    attributes: Buffer.alloc(0),
    isReadable: true,
    detail: null,
    links,
    ranges: [],
  };
  if (reading.facts.isAny)
    reading.marks |= normalise(row, reading.facts, { places, thrown: thrownIn(span) }, origin.scopeName);
  const state = reading.shortText(bytesOf(span["traceState"]), TEXT_LENGTH_MAX);
  const message = reading.shortText(bytesOf(status["message"]), TEXT_LENGTH_MAX);
  const dropped = {
    attributes: Number(span["droppedAttributesCount"] ?? 0) + attributes.dropped,
    events: Number(span["droppedEventsCount"] ?? 0) + Math.max(0, events.length - EVENTS_MAX),
    links: Number(span["droppedLinksCount"] ?? 0) + Math.max(0, links.length - LINKS_MAX),
  };
  const detail: { [key: string]: Json } = {
    ...(origin.scope !== null && { scope: origin.scope }),
    ...(span["flags"] ? { flags: span["flags"] as number } : {}),
    ...(state !== "" && { state }),
    ...(message !== "" && { status: message }),
    ...(events.length > 0 && { events: events.slice(0, EVENTS_MAX) }),
    ...(shown.length > 0 && { links: shown }),
    ...(dropped.attributes + dropped.events + dropped.links > 0 && { dropped }),
    ...(reading.marks !== 0 && { sanitized: markNames(reading.marks) }),
    ...(Object.keys(reading.cuts).length > 0 && { cut: reading.cuts }),
  };
  return {
    ...row,
    links: links.slice(0, LINKS_MAX),
    attributes: attributes.kept,
    detail: Object.keys(detail).length === 0 ? null : detail,
    resource: origin.resource,
  };
}

function thrownIn(span: Wire): Thrown {
  const exceptions = list(span["events"]).filter(
    (event) => Buffer.from(bytesOf(event["name"])).toString() === "exception",
  );
  const isEscaped = exceptions.some((event) => {
    const reading = new Reading();
    reading.attributes(event["attributes"]);
    return /^true$/i.test(String(reading.facts.get(Fact.escaped)));
  });
  if (isEscaped) return Thrown.escaped;
  return exceptions.length > 0 ? Thrown.recorded : Thrown.nothing;
}

function expectedEvent(event: Wire, reading: Reading): Json {
  const facts = reading.facts;
  reading.facts = new Facts();
  const { kept } = reading.attributes(event["attributes"]);
  reading.facts = facts;
  return {
    attributes: kept,
    time: String(bigintOf(event["timeUnixNano"])),
    name: reading.shortText(bytesOf(event["name"]), NAME_LENGTH_MAX),
  };
}

function expectedLinks(
  wireLinks: Wire[],
  reading: Reading,
): { links: { traceId: string; spanId: string }[]; places: LinkPlace[]; shown: Json[] } {
  const links: { traceId: string; spanId: string }[] = [];
  const places: LinkPlace[] = [];
  const shown: Json[] = [];
  const spanFacts = reading.facts;
  for (const link of wireLinks) {
    reading.facts = new Facts();
    const attributes = list(link["attributes"]);
    const { kept } = reading.attributes(attributes);
    const state = reading.shortText(bytesOf(link["traceState"]), TEXT_LENGTH_MAX);
    const place = linkPlaceOf(reading.facts);
    if (place && places.length < LINKS_MAX) places.push(place);
    if (!isId(bytesOf(link["traceId"]), 16) || !isId(bytesOf(link["spanId"]), 8)) {
      reading.marks |= Mark.invalidLink;
      continue;
    }
    const ids = { traceId: hexOf(link["traceId"]), spanId: hexOf(link["spanId"]) };
    links.push(ids);
    if (links.length > LINKS_MAX || (attributes.length === 0 && state === "")) continue;
    shown.push({
      attributes: kept,
      trace_id: ids.traceId,
      span_id: ids.spanId,
      ...(state !== "" && { state }),
    });
  }
  reading.facts = spanFacts;
  return { links, places, shown };
}

/** What the decoder gave, in the oracle's terms; says so when a resource's hash is not that of what it holds. */
export function actualOf(decoded: Decoded): Expected {
  return {
    rows: decoded.rows.map((row) => {
      const { hash, attributes, detail: shared } = row.resource;
      const held = shared === null ? [attributes] : [attributes, "\0", shared];
      if (held.reduce((sum, it) => sum.update(it), createHash("sha256")).digest("hex") !== hash)
        throw new Error("wrong resource hash");
      for (const json of [row.attributes, row.detail, shared]) if (json !== null) parse(json);
      return { ...row, ...(wholeOf(row) as { attributes: Json; detail: Json }), resource: parse(attributes) };
    }),
    rejected: decoded.rejected.map(({ reason }) => ({ reason })),
  };
}

function parse(json: Buffer): Json {
  assertReadable(json);
  return JSON.parse(strictUtf8.decode(json)) as Json;
}
