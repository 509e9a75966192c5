import type { UndeliveredMessage } from "../../../query/list-answers.ts";
import type { Page } from "../page.ts";
import { writeTable, type Cell, type Column } from "../table.ts";
import { spellDuration, unixNanoOf } from "../times.ts";
import { placeOf } from "./hops.ts";
import { STYLE_OF_VERDICT } from "./verdicts.ts";

/** A message and the group that has not dealt with it. */
export interface Stuck extends UndeliveredMessage {
  readonly consumerGroup: string;
}

/** Messages of one partition, one behind the other, of which the same is to be said. */
interface Stretch {
  readonly first: Stuck;
  last: Stuck;
  count: number;
}

const COLUMNS: readonly Column[] = [
  { title: "age", align: "right" },
  { title: "group" },
  { title: "topic/partition/offset" },
  { title: "messages", align: "right" },
  { title: "key" },
  { title: "verdict" },
  // Evidence is not cut.
  { title: "why", lengthMax: 400, wraps: true },
];

/** Writes messages that wait or failed, neighbours in one line, with how long ago the first of them was sent. */
export function writeStuck(messages: readonly Stuck[], nowNs: bigint, page: Page): string {
  const rows = stretchesOf(messages).map(({ first, last, count }): Cell[] => [
    first.sentAt === null ? "" : spellDuration(nowNs - unixNanoOf(first.sentAt)),
    first.consumerGroup,
    count === 1 ? placeOf(first) : `${placeOf(first)}-${last.messageOffset}`,
    String(count),
    count === 1 ? (first.messageKey ?? "") : "",
    { text: first.verdict, style: STYLE_OF_VERDICT[first.verdict] },
    { text: first.why, style: "dim" },
  ]);
  return writeTable(COLUMNS, rows, page);
}

function stretchesOf(messages: readonly Stuck[]): Stretch[] {
  const stretches: Stretch[] = [];
  for (const message of messages) {
    const before = stretches.at(-1);
    if (before !== undefined && isNext(before.last, message)) {
      before.last = message;
      before.count++;
    } else stretches.push({ first: message, last: message, count: 1 });
  }
  return stretches;
}

function isNext(a: Stuck, b: Stuck): boolean {
  const same = ["consumerGroup", "cluster", "topic", "partition", "verdict", "why"] as const;
  if (!same.every((name) => a[name] === b[name])) return false;
  // What is missing between two that wait is no message, as a marker is, or was handled before its turn: the count tells.
  return a.verdict === "WAITING" || BigInt(b.messageOffset) === BigInt(a.messageOffset) + 1n;
}
