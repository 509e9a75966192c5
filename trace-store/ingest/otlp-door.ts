import type { ByteBudget } from "./budget.ts";
import type { Decoded } from "./decode.ts";
import { partOf, type Intake } from "./intake.ts";
import { quarantineOf } from "./quarantine-of.ts";

/** Largest export after decompression: OTLP's recommendation for a receiver (specification, "OTLP/HTTP Request"). */
export const EXPORT_BYTES_MAX = 64 * 1_048_576;
/** A sender gives up after 10 s by default; it must hear of a slow store before, while it still listens. */
const ANSWER_WITHIN_MS = 8_000;
const ROOM_WITHIN_MS = 2_000;
/** Seconds a sender is asked to wait. */
export const RETRY_AFTER_S = 2;

/** What both OTLP doors need. */
export interface OtlpDoorOptions {
  readonly host: string;
  readonly port: number;
  readonly intake: Intake;
  readonly budget: ByteBudget;
  /** Says whether the bearer of this `authorization` header may send spans. */
  mayIngest(authorization: string | undefined): boolean;
}

/** What becomes of an export. */
export type ExportOutcome =
  | { readonly kind: "stored"; readonly rejectedSpans: number; readonly reasons: string }
  /** Nothing is wrong with the export: it should be sent again. */
  | { readonly kind: "again"; readonly sentence: string };

/**
 * Takes a decoded export in, and answers when it is durable.
 *
 * Spans that can never be stored are quarantined and counted as rejected; the others are stored (OTLP partial success).
 */
export async function takeExport(
  decoded: Decoded,
  source: string,
  options: OtlpDoorOptions,
): Promise<ExportOutcome> {
  const { intake, budget } = options;
  await budget.room(ROOM_WITHIN_MS);
  if (!budget.hasRoom) {
    return {
      kind: "again",
      sentence: `The store holds ${budget.bytes} bytes that Postgres has not taken yet. Send it again.`,
    };
  }
  const place = { source, partition: null, sourceOffset: null };
  const quarantined = decoded.rejected.map(({ reason, bytes }) => quarantineOf(reason, bytes, place));
  const part = partOf({ rows: decoded.rows, quarantined }, null);
  budget.take(part.bytes);
  // A fault of the store's own is told to its operator; to the sender it is one more reason to send again.
  const written = intake
    .submit(part)
    .catch((): "failed" => "failed")
    .finally(() => budget.give(part.bytes));
  const outcome = await withDeadline(written, ANSWER_WITHIN_MS);
  if (outcome === "stored") {
    const reasons = [...new Set(decoded.rejected.map((it) => it.reason))].join(", ");
    return { kind: "stored", rejectedSpans: decoded.rejected.length, reasons };
  }
  return {
    kind: "again",
    sentence: `${WHY_AGAIN[outcome]} Send it again: a span that arrives twice is stored once.`,
  };
}

const WHY_AGAIN = {
  late: `Postgres did not take it within ${ANSWER_WITHIN_MS} ms.`,
  stopped: "The store is going down.",
  // Nobody moves the offset of what has none.
  fenced: "The store is going down.",
  failed: "The store failed to write it.",
} as const;

async function withDeadline<T>(written: Promise<T>, deadlineMs: number): Promise<T | "late"> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<"late">((resolve) => {
    timer = setTimeout(() => resolve("late"), deadlineMs);
  });
  try {
    return await Promise.race([written, late]);
  } finally {
    clearTimeout(timer);
  }
}
