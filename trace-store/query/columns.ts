/** Selects a time as RFC 3339 in UTC with microseconds. */
export const timeColumn = (expression: string, name: string): string =>
  `to_char(${expression} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS "${name}"`;

/** Selects a number of 64 bits as a decimal string. */
export const bigColumn = (expression: string, name: string): string => `${expression}::text AS "${name}"`;

/** Selects a stretch of time as whole milliseconds. */
export const millisecondsColumn = (expression: string, name: string): string =>
  `round(extract(epoch FROM ${expression}) * 1000)::float8 AS "${name}"`;

/** Selects nanoseconds out of an interval, as a decimal string. */
export const nanosecondsColumn = (expression: string, name: string): string =>
  `(extract(epoch FROM ${expression}) * 1000000000)::bigint::text AS "${name}"`;

/** Columns of `HopAnswer`, from a row of `trail.hops` named `h`. */
export const HOP_COLUMNS = `
  h.trace_hex AS "traceId", h.msg_id AS "msgId", h.service, h.status, h.operation, h.cluster, h.topic, h.partition,
  ${bigColumn("h.message_offset", "messageOffset")}, h.consumer_group AS "consumerGroup", h.message_key AS "messageKey",
  h.message_id AS "messageId", h.attempt, ${timeColumn("h.start_time", "startTime")},
  ${bigColumn("h.start_unix_nano", "startUnixNano")}, ${bigColumn("h.duration_ns", "durationNs")},
  h.span_id AS "spanId", h.parent_span_id AS "parentSpanId", h.span_name AS "spanName", h.error`;
