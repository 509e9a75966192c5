import type {
  PartOutcome,
  ResumePosition,
  SourceAdvance,
  SourceIdentity,
  SeenSource,
  WritePart,
} from "../span/write-part.ts";
import type { QuarantineRow, SpanRow } from "../span/span-row.ts";

/** What the sources hand their spans to. `main.ts` puts the write side behind it. */
export interface Intake {
  /** Resolves when the part is durable, or will never be. Parts of one source partition are written in the order given. */
  submit(part: WritePart): Promise<PartOutcome>;
  /**
   * Says where to go on reading every partition: the store's word, not Kafka's committed offset. `look` asks Kafka, and
   * is called after the store was. What can no longer be read is stored as a gap.
   */
  resume(
    identity: SourceIdentity,
    look: () => Promise<SeenSource>,
  ): Promise<ReadonlyMap<number, ResumePosition>>;
}

/** What one message or request turned into. */
export interface Taken {
  readonly rows: SpanRow[];
  readonly quarantined: QuarantineRow[];
}

/** Memory of a row beside its attributes: measured 1.1 KB with its strings, rounded up. */
const ROW_BYTES = 1_200;

/** Makes a part of what was taken in, with an estimate of what it holds in memory. */
export function partOf(taken: Taken, advance: SourceAdvance | null): WritePart {
  let bytes = 0;
  for (const row of taken.rows) bytes += ROW_BYTES + row.attributes.length + (row.detail?.length ?? 0);
  for (const row of taken.quarantined) bytes += row.bytes.length;
  return { ...taken, advance, bytes };
}
