import type { Commit, KnownTopic } from "./known.ts";
import type { LogRange } from "./look.ts";

/** A commit is told within a second of its making, and seconds later where broker or watcher are busy. */
const REMEMBERED_MS = 10_000;

/** The logs as the last looks saw them: a commit that is told late was made on the log as it was then. */
export class PastLogs {
  /** Oldest first. */
  readonly #looks: { readonly readAtMs: number; readonly logs: Map<string, Map<number, LogRange>> }[] = [];

  /** `readAtMs`: when all of it had been read, milliseconds since 1970. */
  remember(topics: ReadonlyMap<string, Pick<KnownTopic, "logs">>, readAtMs: number): void {
    const looks = this.#looks;
    // Copied, as the next look changes them.
    looks.push({ readAtMs, logs: new Map([...topics].map(([topic, { logs }]) => [topic, new Map(logs)])) });
    // One from before that time stays: it says how the log was when that time began.
    while ((looks[1]?.readAtMs ?? Infinity) <= readAtMs - REMEMBERED_MS) looks.shift();
  }

  /** What was read under this name is of another life. */
  forget(topic: string): void {
    for (const { logs } of this.#looks) logs.delete(topic);
  }

  /**
   * The log as it last was before the commit: since then it may have grown. For a commit from before all that is remembered,
   * the earliest there is; `undefined` where the partition was not there yet.
   */
  before({ topic, partition, atMs }: Commit): LogRange | undefined {
    const look = this.#looks.findLast(({ readAtMs }) => readAtMs <= atMs) ?? this.#looks[0];
    return look?.logs.get(topic)?.get(partition);
  }
}
