import type { RecordMetadata } from "./client-shape.ts";

/** What the partitions of one topic answered: the first offset of each batch; two where one batch was stored twice. */
export type Answers = ReadonlyMap<number, readonly bigint[]>;

/** What a topic answered that is missing from the record metadata. */
export const NO_ANSWERS: Answers = new Map();

const OFFSET = /^\d{1,19}$/;

/** Reads an offset as clients spell it, `undefined` for anything else. */
export function readOffset(spelled: unknown): bigint | undefined {
  return typeof spelled === "string" && OFFSET.test(spelled) ? BigInt(spelled) : undefined;
}

/** Reads what a send resolved with, by topic and partition. Anything that is no record metadata says nothing. */
export function answersByTopic(metadata: unknown): ReadonlyMap<string, Answers> {
  const byTopic = new Map<string, Map<number, bigint[]>>();
  if (!Array.isArray(metadata)) return byTopic;
  for (const entry of metadata as readonly (RecordMetadata | null | undefined)[]) {
    if (typeof entry !== "object" || entry === null) continue;
    const { topicName, partition, baseOffset, offset } = entry;
    let answers = byTopic.get(topicName);
    if (answers === undefined) byTopic.set(topicName, (answers = new Map<number, bigint[]>()));
    let firstOffsets = answers.get(partition);
    if (firstOffsets === undefined) answers.set(partition, (firstOffsets = []));
    const first = readOffset(baseOffset ?? offset);
    if (first !== undefined) firstOffsets.push(first);
  }
  return byTopic;
}
