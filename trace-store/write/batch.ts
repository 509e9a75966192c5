import type { SourceAdvance, WritePart } from "../span/write-part.ts";

/** What is written in one transaction. */
export interface WriteBatch {
  readonly parts: readonly WritePart[];
  /** Another batch follows as soon as this one is in: what may be done once for several is left to the last. Default false. */
  readonly isMoreWaiting?: boolean;
}

/** Thrown by a writer that was closed before a batch was in. The source's stored offset then says what is. */
export class WriterClosed extends Error {
  override readonly name = "WriterClosed";
}

/** What became of a {@link WriteBatch}. */
export interface WriteResult {
  /** Spans that are new. */
  readonly stored: number;
  /** Spans that were there already, or came twice in the batch. */
  readonly duplicates: number;
  /** Spans older than retention: not stored. */
  readonly expired: number;
  /** What could not be stored as a span, whether it was in quarantine already or not. */
  readonly quarantined: number;
  /** Advances of the parts whose source has moved on without us: nothing of those parts was written. */
  readonly fenced: readonly SourceAdvance[];
}

export const NOTHING_WRITTEN: WriteResult = {
  stored: 0,
  duplicates: 0,
  expired: 0,
  quarantined: 0,
  fenced: [],
};

/** Adds up what became of two. */
export function addResults(a: WriteResult, b: WriteResult): WriteResult {
  return {
    stored: a.stored + b.stored,
    duplicates: a.duplicates + b.duplicates,
    expired: a.expired + b.expired,
    quarantined: a.quarantined + b.quarantined,
    fenced: [...a.fenced, ...b.fenced],
  };
}
