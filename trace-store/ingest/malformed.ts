/** Why bytes are not a request of spans: the reason under which they are quarantined or refused. */
export type MalformedReason =
  /** Neither OTLP protobuf nor OTLP/JSON. */
  | "unknown_encoding"
  /** A length or a number reaches beyond the message that it belongs to. */
  | "truncated"
  /** Framing that no protobuf encoder writes: field 0, an unknown wire type, a varint without end. */
  | "invalid_protobuf"
  /** Text that is not JSON, or JSON of another shape than OTLP's. */
  | "invalid_json"
  /** JSON of more bytes than are parsed. */
  | "too_large"
  /** More spans than one request may hold. */
  | "too_many_spans";

/** Thrown when bytes cannot be decoded at all; one bad span among good ones is a `RejectedSpan` instead. */
export class MalformedError extends Error {
  readonly reason: MalformedReason;

  constructor(reason: MalformedReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "MalformedError";
    this.reason = reason;
  }
}
