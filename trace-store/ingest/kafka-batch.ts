import type { Batch, KafkaMessage } from "kafkajs";
import { REFUSED_HEADER } from "../kafka/refused-records.ts";
import type { QuarantineRow, SpanRow } from "../span/span-row.ts";
import type { ResumePosition, SourceRecord, WritePart } from "../span/write-part.ts";
import { decodeRecord } from "./detect.ts";
import { partOf } from "./intake.ts";
import { MalformedError } from "./malformed.ts";
import { quarantineOf } from "./quarantine-of.ts";

/** A batch as kafkajs 2.2.4 hands it over: the offset it asked for is there, but not in its types. */
export interface FetchedBatch extends Batch {
  readonly fetchedOffset: string;
}

/**
 * Decodes the messages of a fetch from `position` on, into parts of at most `partSpansMax` spans.
 *
 * A message that cannot be decoded becomes a quarantine row of its part, and the part's end lies behind it: bad data
 * never stops a partition. A part ends behind its last message, not behind the fetch, so that the store's position is
 * always one behind a message.
 */
export function* takeMessages(
  batch: FetchedBatch,
  position: ResumePosition & { readonly clusterId: string },
  options: { readonly topic: string; readonly partSpansMax: number },
): Generator<WritePart> {
  const { topic, partSpansMax } = options;
  const { clusterId, incarnation } = position;
  const { partition } = batch;
  let from = position.next;
  let rows: SpanRow[] = [];
  let quarantined: QuarantineRow[] = [];
  let records: SourceRecord[] = [];
  const cut = (to: bigint): WritePart => {
    const part = partOf({ rows, quarantined }, { clusterId, topic, partition, incarnation, from, to });
    const told = { ...part, records };
    [rows, quarantined, records, from] = [[], [], [], to];
    return told;
  };

  for (const message of batch.messages) {
    const messageOffset = BigInt(message.offset);
    if (messageOffset < from) continue;
    records.push({ offset: messageOffset, firstRow: rows.length });
    takeMessage(
      message,
      { source: `kafka:${topic}`, partition, sourceOffset: messageOffset },
      rows,
      quarantined,
    );
    if (rows.length >= partSpansMax) yield cut(messageOffset + 1n);
  }
  const last = batch.messages.at(-1);
  const end = last === undefined ? from : BigInt(last.offset) + 1n;
  if (end > from) yield cut(end);
}

function takeMessage(
  message: KafkaMessage,
  place: { source: string; partition: number; sourceOffset: bigint },
  rows: SpanRow[],
  quarantined: QuarantineRow[],
): void {
  const bytes = message.value ?? Buffer.alloc(0);
  const refused = message.headers?.[REFUSED_HEADER];
  if (refused !== undefined) {
    quarantined.push(quarantineOf(refused.toString(), bytes, place));
    return;
  }
  try {
    const decoded = decodeRecord(bytes);
    for (const row of decoded.rows) rows.push(row);
    for (const { reason, bytes: of } of decoded.rejected) quarantined.push(quarantineOf(reason, of, place));
  } catch (error) {
    if (!(error instanceof MalformedError)) throw error;
    quarantined.push(quarantineOf(error.reason, bytes, place));
  }
}
