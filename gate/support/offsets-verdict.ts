import { SpanStatusCode } from "@opentelemetry/api";
import type { ReadableSpan } from "@opentelemetry/sdk-trace-base";
import type { LogEntry } from "./read-log.ts";

/** What the spans of one mode said, held against the log. */
export interface OffsetsVerdict {
  /** Messages in the log. */
  readonly logged: number;
  /** Coordinates on messages' own spans that name the very message. */
  readonly right: number;
  /** Coordinates, exact ones and those in ranges, that name another message or none. */
  readonly wrong: number;
  /** Messages in the log of which no span says where they lie, although their send was not retried. */
  readonly missing: number;
  /** Those whose send was retried: a copy that nobody was told of, or one of two places. */
  readonly retried: number;
  /** Coordinates that were marked uncertain, whether they are right or not. */
  readonly uncertain: number;
  /** Those of them that are wrong: what would have been claimed. */
  readonly uncertainWrong: number;
  /** Messages' own spans that claim no offset. */
  readonly unknown: number;
  /** Messages' own spans whose partition is another one. */
  readonly wrongPartition: number;
}

const RANGE = /^(.+)\/(\d+)\/(\d+)-(\d+)$/;

/** Trace id and span id as a message's header carries them. */
const creatorOf = (entry: LogEntry): { traceId: string; spanId: string } => {
  const [, traceId = "", spanId = ""] = String(entry.message.headers?.["traceparent"]).split("-");
  return { traceId, spanId };
};

/**
 * Holds every coordinate that spans claim against what consumers read: `log` is every message, `visible` are those that a
 * consumer of committed messages sees.
 */
export function judgeOffsets(
  spans: readonly ReadableSpan[],
  log: ReadonlyMap<string, LogEntry>,
  visible: ReadonlySet<string>,
): OffsetsVerdict {
  const partitions = partitionsBySpan(log);
  const covered = new Set<string>();
  const count = { right: 0, wrong: 0, uncertain: 0, uncertainWrong: 0, unknown: 0, wrongPartition: 0 };
  for (const span of spans) {
    const { traceId, spanId } = span.spanContext();
    const isUncertain = span.attributes["kafka_trail.uncertain"] === true;
    const operation = span.attributes["messaging.operation.name"];
    for (const at of rangesOf(span)) {
      if (isUncertain) continue;
      const entry = log.get(at);
      if (entry === undefined) count.wrong++;
      else if (operation === "send" && creatorOf(entry).traceId !== traceId) count.wrong++;
      else if (operation === "commit_transaction" && !visible.has(at)) count.wrong++;
      else if (operation === "abort_transaction" && visible.has(at)) count.wrong++;
      else if (operation === "send") covered.add(at);
    }
    const place = placeOf(span);
    if (place === undefined) continue;
    const { partition, at } = place;
    const logged = partitions.get(spanId);
    if (partition !== undefined && !isUncertain && logged?.has(partition) === false) count.wrongPartition++;
    if (at === undefined) {
      count.unknown++;
      continue;
    }
    const entry = log.get(at);
    const isRight = entry !== undefined && creatorOf(entry).spanId === spanId;
    if (isUncertain) {
      count.uncertain++;
      if (!isRight) count.uncertainWrong++;
    } else if (isRight) count.right++;
    else count.wrong++;
    covered.add(at);
  }
  const retries = new Set(spans.filter(isRetried).map((span) => span.spanContext().traceId));
  const uncovered = [...log].filter(([at]) => !covered.has(at));
  const retried = uncovered.filter(([, entry]) => retries.has(creatorOf(entry).traceId)).length;
  return { logged: log.size, missing: uncovered.length - retried, retried, ...count };
}

const isRetried = ({ attributes, status }: ReadableSpan): boolean =>
  attributes["kafka_trail.retries"] !== undefined || status.code === SpanStatusCode.ERROR;

function partitionsBySpan(log: ReadonlyMap<string, LogEntry>): Map<string, Set<string>> {
  const partitions = new Map<string, Set<string>>();
  for (const entry of log.values()) {
    const { spanId } = creatorOf(entry);
    const known = partitions.get(spanId) ?? new Set();
    partitions.set(spanId, known.add(`${entry.topic}/${entry.partition}`));
  }
  return partitions;
}

/** Where a message's own span says that it lies: `topic/partition`, and with the offset; each where it says one. */
function placeOf({
  attributes,
  name,
}: ReadableSpan): { partition: string | undefined; at: string | undefined } | undefined {
  const topic = String(attributes["messaging.destination.name"]);
  const partition = attributes["messaging.destination.partition.id"];
  const offset = attributes["messaging.kafka.offset"];
  if (!name.startsWith("create ") && offset === undefined) return undefined;
  const spelled = partition === undefined ? undefined : `${topic}/${String(partition)}`;
  return { partition: spelled, at: offset === undefined ? undefined : `${spelled}/${String(offset)}` };
}

/** Every coordinate in a span's ranges. */
function* rangesOf({ attributes }: ReadableSpan): Generator<string> {
  for (const range of (attributes["kafka_trail.offsets"] ?? []) as string[]) {
    const [, topic, partition, first, last] = RANGE.exec(range) ?? [];
    for (let offset = Number(first); offset <= Number(last); offset++)
      yield `${topic}/${partition}/${offset}`;
  }
}
