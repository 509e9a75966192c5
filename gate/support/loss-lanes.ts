import type { Message } from "kafkajs";

/** How the messages of a lane find their partition. */
export type Addressing = "null key" | "keyed" | "explicit partition";

/** One way to send, with a topic and a producer of its own. */
export interface LossLane {
  readonly addressing: Addressing;
  readonly isIdempotent?: boolean;
  readonly isTransactional?: boolean;
  /** Plain kafkajs; traced; or traced with `resendUnacknowledged`. */
  readonly mode: "without us" | "watching" | "cured";
}

export const PARTITIONS = 6;

const ways: readonly Omit<LossLane, "mode">[] = [
  { addressing: "null key" },
  { addressing: "keyed" },
  { addressing: "explicit partition" },
  { addressing: "keyed", isIdempotent: true },
  { addressing: "keyed", isTransactional: true },
];

/** Null keys with idempotence are left out where nothing is cured: kafkajs rejects most of those sends by itself. */
export const TRIAL_LANES: readonly LossLane[] = [
  ...ways.map((way): LossLane => ({ ...way, mode: "without us" })),
  ...ways.map((way): LossLane => ({ ...way, mode: "watching" })),
  ...ways.map((way): LossLane => ({ ...way, mode: "cured" })),
  { addressing: "null key", isIdempotent: true, mode: "cured" },
];

export const RESTART_LANES: readonly LossLane[] = [
  { addressing: "keyed", mode: "without us" },
  { addressing: "null key", mode: "without us" },
  { addressing: "keyed", mode: "watching" },
  { addressing: "null key", mode: "watching" },
  { addressing: "keyed", mode: "cured" },
  { addressing: "null key", mode: "cured" },
  { addressing: "null key", isIdempotent: true, mode: "cured" },
];

/** Says what a lane is, for the table. */
export function nameOf({ addressing, isIdempotent, isTransactional, mode }: LossLane): string {
  const extra = isTransactional === true ? ", transaction" : isIdempotent === true ? ", idempotent" : "";
  return `${mode}: ${addressing}${extra}`;
}

/** The messages of one send; their values tell them apart. */
export function messagesOf({ addressing }: LossLane, send: number, count: number): Message[] {
  return Array.from({ length: count }, (_, i) => ({
    value: `${send}:${i}`,
    ...(addressing === "keyed" && { key: `key ${i}` }),
    ...(addressing === "explicit partition" && { partition: i % PARTITIONS }),
  }));
}
