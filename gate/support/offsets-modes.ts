import { CompressionTypes, type ProducerConfig } from "kafkajs";

/** One way to send. */
export interface OffsetsMode {
  readonly name: string;
  /** Share of the gate's messages. */
  readonly share: number;
  readonly producer?: ProducerConfig;
  readonly acks?: number;
  readonly compression?: CompressionTypes;
  /** Sends in transactions, every third of which is aborted. */
  readonly isTransactional?: boolean;
  /** Sends at once. Default 8; 1 in transactions. */
  readonly lanes?: number;
  /** Through a proxy that drops requests, swallows answers and delays them. */
  readonly isFaulty?: boolean;
  /** As many spans as an app gets that says nothing; else every message has one. */
  readonly hasDefaultSpans?: boolean;
  /**
   * Faults strike by count and not by the clock. Swallowed is the answer to every fifth Produce request; or the first of two
   * equal sends to one partition, the second of which goes out before the first is tried again.
   */
  readonly strike?: "every fifth" | "first of two";
  readonly options?: {
    readonly resendUnacknowledged?: boolean;
    readonly createSpansMax?: number;
  };
}

const gzip = { compression: CompressionTypes.GZIP };
const idempotent = { producer: { idempotent: true } };

/** Every message must have its coordinates, and the right ones. */
export const FAULTLESS_MODES: readonly OffsetsMode[] = [
  { name: "acks -1", share: 0.16 },
  { name: "acks 1", share: 0.12, acks: 1 },
  { name: "gzip", share: 0.12, ...gzip },
  { name: "idempotent", share: 0.16, ...idempotent },
  { name: "idempotent gzip", share: 0.12, ...idempotent, ...gzip },
  { name: "ranges only", share: 0.06, options: { createSpansMax: 0 } },
  { name: "1 span a send", share: 0.06, options: { createSpansMax: 1 } },
  { name: "10 spans a send, the default", share: 0.06, hasDefaultSpans: true },
  { name: "100 spans a send", share: 0.06, options: { createSpansMax: 100 } },
  { name: "transactions", share: 0.1, isTransactional: true, producer: { maxInFlightRequests: 1 } },
  { name: "acks 0", share: 0.1, acks: 0 },
];

/** No coordinates may be wrong; those that cannot be known must be missing, or marked uncertain. */
export const FAULTY_MODES: readonly OffsetsMode[] = [
  { name: "faults", share: 0.2, isFaulty: true },
  { name: "faults, 10 spans a send", share: 0.1, isFaulty: true, hasDefaultSpans: true },
  { name: "faults, gzip", share: 0.1, isFaulty: true, ...gzip },
  { name: "faults, cured", share: 0.2, isFaulty: true, options: { resendUnacknowledged: true } },
  { name: "faults, idempotent", share: 0.1, isFaulty: true, ...idempotent },
  {
    name: "faults, idempotent, cured",
    share: 0.1,
    isFaulty: true,
    ...idempotent,
    options: { resendUnacknowledged: true },
  },
  {
    name: "faults, idempotent, one at a time",
    share: 0.05,
    isFaulty: true,
    lanes: 1,
    ...idempotent,
    options: { resendUnacknowledged: true },
  },
];
