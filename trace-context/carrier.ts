import type { TextMapGetter, TextMapSetter } from "@opentelemetry/api";

/** One value of a message's header, as Kafka clients hand it over. */
export type HeaderValue = Buffer | string | (Buffer | string)[] | undefined | null;
/** A message's headers: what a propagator calls the carrier. */
export type Headers = Record<string, HeaderValue>;

/** A header longer than this is not read as trace context: parsing it would cost the app time. */
const HEADER_BYTES_MAX = 512;
/** Version, trace id, span id and flags of a `traceparent` (W3C Trace Context, section 3.2). */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?$/;

/** Headers that say where a forwarded message came from. A versioned contract: additions only. */
export const TRAIL_HEADER = {
  /** `topic/partition/offset` of the message that was forwarded. */
  origin: "kafka-trail-origin",
  /** Consumer group that forwarded it. */
  originGroup: "kafka-trail-origin-group",
  /** Timestamp of the origin, milliseconds since 1970. */
  originTimestamp: "kafka-trail-origin-timestamp",
  /** How often the group had tried it. */
  attempt: "kafka-trail-attempt",
  /** Class of the error that made it be forwarded. */
  errorType: "kafka-trail-error-type",
  /** Its message, cut at 256 characters. */
  errorMessage: "kafka-trail-error-message",
} as const;

function text(value: Buffer | string): string | undefined {
  return value.length > HEADER_BYTES_MAX ? undefined : value.toString();
}

/**
 * Reads one header as text, `undefined` when it is absent, null or longer than 512 bytes.
 *
 * kafkajs gives a Buffer for what came from a broker, a string for what the app wrote, and an array where the key
 * occurs more than once. The last value wins, as `Headers.lastHeader` does in the Java client.
 */
export function readHeader(headers: Headers | undefined, key: string): string | undefined {
  const value = headers?.[key];
  const last = Array.isArray(value) ? value[value.length - 1] : value;
  return last === undefined || last === null ? undefined : text(last);
}

/** Returns the last valid `traceparent`: clients that append leave the older ones in front of it. */
function readTraceparent(headers: Headers | undefined): string | undefined {
  const value = headers?.["traceparent"];
  if (!Array.isArray(value)) return readHeader(headers, "traceparent");
  for (let i = value.length - 1; i >= 0; i--) {
    const candidate = text(value[i] as Buffer | string);
    if (candidate !== undefined && TRACEPARENT.test(candidate)) return candidate;
  }
  return undefined;
}

/** Reads trace context out of a message's headers, for any propagator. */
export const headerGetter: TextMapGetter<Headers | undefined> = {
  keys: (headers) => Object.keys(headers ?? {}),
  get(headers, key) {
    return key === "traceparent" ? readTraceparent(headers) : readHeader(headers, key);
  },
};

/** Writes a trace-context field, replacing any value already there. */
export const headerSetter: TextMapSetter<Headers> = {
  set(headers, key, value) {
    headers[key] = value;
  },
};
