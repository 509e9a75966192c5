import { type LinkRow, type OffsetRangeRow, type SpanRow } from "../span/span-row.ts";
import { type CopyBuffer } from "./copy-buffer.ts";
import { type Dictionaries } from "./dictionaries.ts";
import { assertReadable } from "./readable-json.ts";

/** Columns of `spans`, in the order in which {@link putSpan} writes them. */
export const SPAN_COLUMNS =
  "start_time, span_id, parent_span_id, message_offset, duration_ns, service_id, span_name_id, resource_id, topic_id, partition, consumer_group_id, attempt, start_ns, kind, status, operation, trace_id, message_key, message_id, attributes, detail";
/** Columns of `span_links`, in the order in which {@link putLink} writes them. */
export const LINK_COLUMNS = "start_time, span_id, to_span_id, trace_id, to_trace_id";
/** Columns of `offset_ranges`, in the order in which {@link putRange} writes them. */
export const RANGE_COLUMNS =
  "start_time, span_id, first_offset, last_offset, topic_id, partition, consumer_group_id, role, trace_id";

const fieldCount = (columns: string): number => columns.split(",").length;
const SPAN_FIELDS = fieldCount(SPAN_COLUMNS);
const LINK_FIELDS = fieldCount(LINK_COLUMNS);
const RANGE_FIELDS = fieldCount(RANGE_COLUMNS);
/** Appends one span to a COPY. Its names must have been looked up before. */
export function putSpan(copy: CopyBuffer, row: SpanRow, names: Dictionaries): void {
  copy.row(SPAN_FIELDS);
  const restNs = copy.time(row.startNs);
  copy.hex(row.spanId);
  copy.hex(row.parentSpanId);
  copy.int64(row.messageOffset);
  copy.int64(row.durationNs);
  copy.int32(names.services.idOf(row.service));
  copy.int32(names.spanNames.idOf(row.name));
  copy.int32(names.resources.idOf(row.resource.hash));
  copy.int32(row.topic === null ? null : names.topics.idOf(row.topic, row.cluster));
  copy.int32(row.partition);
  copy.int32(row.consumerGroup === null ? null : names.consumerGroups.idOf(row.consumerGroup, row.cluster));
  copy.int32(row.attempt);
  copy.int16(restNs);
  copy.int16(row.kind);
  copy.int16(row.status);
  copy.int16(row.operation);
  copy.hex(row.traceId);
  copy.text(row.messageKey);
  copy.text(row.messageId);
  if (!row.isReadable) assertReadable(row.attributes);
  copy.json(row.attributes);
  copy.jsonb(names.isInline(row) ? withInlineNames(row, names) : row.detail);
}

/** Appends one link of a span to a COPY. */
export function putLink(copy: CopyBuffer, row: SpanRow, link: LinkRow): void {
  copy.row(LINK_FIELDS);
  copy.time(row.startNs);
  copy.hex(row.spanId);
  copy.hex(link.spanId);
  copy.hex(row.traceId);
  copy.hex(link.traceId);
}

/** Appends one range of offsets of a span to a COPY. */
export function putRange(copy: CopyBuffer, row: SpanRow, range: OffsetRangeRow, names: Dictionaries): void {
  copy.row(RANGE_FIELDS);
  copy.time(row.startNs);
  copy.hex(row.spanId);
  copy.int64(range.firstOffset);
  copy.int64(range.lastOffset);
  copy.int32(names.topics.idOf(range.topic, row.cluster));
  copy.int32(range.partition);
  copy.int32(row.consumerGroup === null ? null : names.consumerGroups.idOf(row.consumerGroup, row.cluster));
  copy.int16(range.role);
  copy.hex(row.traceId);
}

/** The span's detail with the names that found no room in a dictionary under `inline`. Their ids are 0. */
function withInlineNames(row: SpanRow, names: Dictionaries): Buffer {
  const inline = JSON.stringify({
    ...(names.services.idOf(row.service) === 0 && { service: row.service }),
    ...(names.spanNames.idOf(row.name) === 0 && { name: row.name }),
    ...(row.topic !== null && names.topics.idOf(row.topic, row.cluster) === 0 && { topic: row.topic }),
    ...(row.consumerGroup !== null &&
      names.consumerGroups.idOf(row.consumerGroup, row.cluster) === 0 && {
        consumer_group: row.consumerGroup,
      }),
  });
  const resource =
    names.resources.idOf(row.resource.hash) === 0
      ? `,"inline_resource":${row.resource.attributes.toString()}`
      : "";
  const head = `{"inline":${inline.replaceAll("\\u0000", "\\ufffd")}${resource}`;
  const rest = (row.detail ?? row.resource.detail)?.toString().trimStart().slice(1) ?? "}";
  return Buffer.from(/^\s*\}/.test(rest) ? `${head}}` : `${head},${rest}`);
}
