import type { Attributes, Span } from "@opentelemetry/api";
import { readHeader, recordedKey, recordedMessageId, TRAIL, TRAIL_HEADER } from "../trace-context/index.ts";
import type { Tracing } from "../trace-context/index.ts";
import type { OutgoingMessage } from "./client-shape.ts";

const OFFSET_NUMBER_MAX = BigInt(Number.MAX_SAFE_INTEGER);

/** Where a message lies, as far as it is known. */
interface Place {
  readonly partition: number | undefined;
  readonly messageOffset: bigint | undefined;
}

/** Sets what a message says of itself: key, id, whether it is a tombstone, and what it is a forwarded copy of. */
export function describeMessage(span: Span, tracing: Tracing, topic: string, message: OutgoingMessage): void {
  const { options, names } = tracing;
  const key = recordedKey(message.key, options.key);
  const messageId = recordedMessageId(topic, message, options.messageId);
  for (const name of names) {
    if (key !== undefined) span.setAttribute(name.key, key);
    if (messageId !== undefined) span.setAttribute(name.messageId, messageId);
    if (message.value === null) span.setAttribute(name.tombstone, true);
  }
  const origin = readOrigin(message);
  if (origin === undefined) return;
  span.setAttribute(TRAIL.origin, origin.at);
  if (origin.group !== undefined) span.setAttribute(TRAIL.originGroup, origin.group);
}

/** Reads which message this one is a forwarded copy of, and which group forwarded it. */
export function readOrigin({
  headers,
}: OutgoingMessage): { at: string; group: string | undefined } | undefined {
  if (headers === undefined) return undefined;
  const at = readHeader(headers, TRAIL_HEADER.origin);
  return at === undefined ? undefined : { at, group: readHeader(headers, TRAIL_HEADER.originGroup) };
}

/** Returns an offset as an attribute: a number, as the conventions want it, while a number can tell it from the next. */
export function offsetAttribute(messageOffset: bigint): number | string {
  return messageOffset <= OFFSET_NUMBER_MAX ? Number(messageOffset) : String(messageOffset);
}

/** Sets where a message lies, as far as it is known, under every table of names. */
export function setPlace(span: Span, tracing: Tracing, { partition, messageOffset }: Place): void {
  for (const names of tracing.names) {
    if (partition !== undefined) span.setAttribute(names.partitionId, String(partition));
    if (messageOffset !== undefined) span.setAttribute(names.offset, offsetAttribute(messageOffset));
  }
}

/** Returns the same as attributes of a link. */
export function placeAttributes(tracing: Tracing, { partition, messageOffset }: Place): Attributes {
  const attributes: Attributes = {};
  for (const names of tracing.names) {
    if (partition !== undefined) attributes[names.partitionId] = String(partition);
    if (messageOffset !== undefined) attributes[names.offset] = offsetAttribute(messageOffset);
  }
  return attributes;
}
