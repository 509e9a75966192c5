import { isSpanContextValid, trace } from "@opentelemetry/api";
import { currentMessage } from "../trace-context/index.ts";
import { currentBatch } from "./current-batch.ts";

/** What a log line says of the message it was written for. */
export interface LogFields {
  trace_id?: string;
  span_id?: string;
  topic?: string;
  partition?: number;
  /** Decimal digits, as the client spells it: an offset may be larger than a JSON number. */
  offset?: string;
  consumer_group?: string;
}

/**
 * Returns the fields that tie a log line to the message being processed; empty outside of a handler.
 *
 * @example
 * const logger = pino({ mixin: logFields });
 *
 * @example
 * const logger = winston.createLogger({
 *   format: winston.format.combine(winston.format((line) => Object.assign(line, logFields()))(), winston.format.json()),
 *   transports: [new winston.transports.Console()],
 * });
 */
export function logFields(): LogFields {
  const fields: LogFields = {};
  const spanContext = trace.getActiveSpan()?.spanContext();
  if (spanContext !== undefined && isSpanContextValid(spanContext)) {
    fields.trace_id = spanContext.traceId;
    fields.span_id = spanContext.spanId;
  }
  const message = currentMessage();
  const at = message ?? currentBatch();
  if (at === undefined) return fields;
  fields.topic = at.topic;
  fields.partition = at.partition;
  if (message !== undefined) fields.offset = String(message.messageOffset);
  if (at.consumerGroup !== undefined) fields.consumer_group = at.consumerGroup;
  return fields;
}
