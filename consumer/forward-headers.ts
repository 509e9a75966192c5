import { propagation } from "@opentelemetry/api";
import { currentMessage, errorType, formatCoordinates, TRAIL_HEADER } from "../trace-context/index.ts";
import type { MessageRef } from "../trace-context/index.ts";
import type { ReceivedMessage } from "./client-shape.ts";
import { currentBatch } from "./current-batch.ts";

/** Headers that every client sends: no null among them, at which kafkajs throws. */
export type ForwardedHeaders = Record<string, Buffer | string | (Buffer | string)[]>;

/** Why a message is forwarded. */
export interface ForwardReason {
  /** What the handler threw. */
  readonly error?: unknown;
  /** In words, where there is no error or more is to be said; takes the place of the error's text. */
  readonly reason?: string;
}

const ERROR_MESSAGE_CHARACTERS_MAX = 256;
/** Trace context of any propagator. Baggage is the app's own and stays. */
const TRACE_HEADERS = [
  "traceparent",
  "tracestate",
  "b3",
  "x-b3-traceid",
  "x-b3-spanid",
  "x-b3-parentspanid",
  "x-b3-sampled",
  "x-b3-flags",
  "uber-trace-id",
];

function traceHeaders(): Set<string> {
  const names = new Set(TRACE_HEADERS);
  for (const field of propagation.fields()) if (field !== "baggage") names.add(field.toLowerCase());
  return names;
}

function copyHeaders(message: ReceivedMessage): ForwardedHeaders {
  const copied: ForwardedHeaders = {};
  const dropped = traceHeaders();
  for (const [name, value] of Object.entries(message.headers ?? {})) {
    if (value === undefined || value === null || dropped.has(name.toLowerCase())) continue;
    copied[name] = Array.isArray(value) ? value.filter((it) => it !== undefined && it !== null) : value;
  }
  return copied;
}

type Origin = Pick<MessageRef, "topic" | "partition" | "messageOffset" | "consumerGroup" | "attempt">;

/** Names the message by what is being processed: the message itself, or the batch that holds it. */
function originOf(message: ReceivedMessage): Origin | undefined {
  const current = currentMessage();
  if (current !== undefined) return String(current.messageOffset) === message.offset ? current : undefined;
  const batch = currentBatch();
  const offset = Number(message.offset);
  if (batch === undefined || !batch.holds(offset)) return undefined;
  const { topic, partition, consumerGroup } = batch;
  return {
    topic,
    partition,
    consumerGroup,
    messageOffset: BigInt(message.offset),
    attempt: batch.attemptOf(offset),
  };
}

/**
 * Returns headers for a copy of a message that goes to a dead-letter or retry topic: the message's own headers, without
 * nulls and without its trace context (the send writes its own), and with the `kafka-trail-*` headers that name the
 * message it is a copy of, so that the trail goes on whatever becomes of the spans.
 *
 * Call it inside the handler, with the message at hand; elsewhere the copy names only what is known of the message.
 *
 * @example
 * await producer.send({
 *   topic: "orders.dead-letters",
 *   messages: [{ key: message.key, value: message.value, headers: forwardHeaders(message, { error }) }],
 * });
 */
export function forwardHeaders(
  message: ReceivedMessage,
  { error, reason }: ForwardReason = {},
): ForwardedHeaders {
  const headers = copyHeaders(message);
  for (const name of Object.values(TRAIL_HEADER)) delete headers[name];
  const origin = originOf(message);
  if (origin !== undefined) {
    headers[TRAIL_HEADER.origin] = formatCoordinates(origin);
    headers[TRAIL_HEADER.attempt] = String(origin.attempt);
    if (origin.consumerGroup !== undefined) headers[TRAIL_HEADER.originGroup] = origin.consumerGroup;
  }
  if (message.timestamp !== undefined) headers[TRAIL_HEADER.originTimestamp] = message.timestamp;
  if (error !== undefined) headers[TRAIL_HEADER.errorType] = errorType(error);
  const text = reason ?? (error instanceof Error ? error.message : undefined);
  if (text !== undefined) headers[TRAIL_HEADER.errorMessage] = text.slice(0, ERROR_MESSAGE_CHARACTERS_MAX);
  return headers;
}
