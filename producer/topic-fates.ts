import type { OffsetRange } from "../trace-context/index.ts";
import type { Answers } from "./answers.ts";
import type { Fate, SendFacts, Sent } from "./sent.ts";

const UNKNOWN: Fate = {
  partition: undefined,
  messageOffset: undefined,
  isUnacknowledged: false,
  isSuspect: false,
};
const NO_PARTITIONS: ReadonlySet<number> = new Set();

/** How the messages of a topic can be placed. */
type Method =
  /** By what the partitioner said, and the partition's answer. */
  | "placed"
  /** By what the partitioner said alone, as no broker answers. */
  | "unanswered"
  /** By what the app named, as the answers agree. */
  | "named"
  /** One message, one answer. */
  | "only"
  /** Not at all. */
  | "unknown";

/** What became of the messages of one topic in one send. Fates are worked out when they are asked for: few have a span. */
export class TopicFates {
  readonly #topic: string;
  readonly #answers: Answers;
  readonly #facts: SendFacts;
  #sent: readonly Sent[] = [];
  #method: Method = "unknown";
  /** Of each message, its rank in its partition: messages are written in the order they were sent. */
  readonly #ranks: number[] = [];
  /** Messages of each partition, in an object each: one look-up a message, not two. */
  readonly #counts = new Map<number, { messages: number }>();
  /** Partitions that a retry moved messages into or out of: nobody knows which attempt is the one that was stored. */
  #disturbed: ReadonlySet<number> = NO_PARTITIONS;
  unacknowledged = 0;
  isSuspect = false;

  constructor(topic: string, answers: Answers, facts: SendFacts) {
    this.#topic = topic;
    this.#answers = answers;
    this.#facts = facts;
  }

  /** Adds one part's messages, and returns how many were there before. */
  add(sent: readonly Sent[]): number {
    const before = this.#sent.length;
    this.#sent = before === 0 ? sent : this.#sent.concat(sent);
    return before;
  }

  /** Ranks the messages once all are added. */
  rank(): void {
    this.#method = this.#chooseMethod();
    if (this.#method === "unknown" || this.#method === "unanswered") return;
    if (this.#method === "placed") this.#disturbed = this.#findDisturbed();
    this.isSuspect ||= this.#disturbed.size > 0;
    for (let i = 0; i < this.#sent.length; i++) {
      const partition = this.#partitionOf(i);
      let count = this.#counts.get(partition);
      if (count === undefined) this.#counts.set(partition, (count = { messages: 0 }));
      this.#ranks.push(count.messages++);
    }
    this.unacknowledged = this.#countUnacknowledged();
  }

  /** Returns what became of one message. */
  fateOf(i: number): Fate {
    const { placement } = this.#sent[i]!;
    if (this.#method === "unknown") return UNKNOWN;
    if (this.#method === "unanswered") {
      return { ...UNKNOWN, partition: placement?.earlier === undefined ? placement?.partition : undefined };
    }
    if (placement?.earlier !== undefined) {
      return { ...UNKNOWN, isUnacknowledged: this.#isUnacknowledged(i), isSuspect: true };
    }
    const partition = this.#partitionOf(i);
    const first = this.#disturbed.has(partition) ? undefined : this.#answers.get(partition)?.[0];
    return {
      partition,
      messageOffset: first === undefined ? undefined : first + BigInt(this.#ranks[i]!),
      isUnacknowledged: this.#isUnacknowledged(i),
      isSuspect: false,
    };
  }

  /** Returns the ranges of the partitions whose answer is about these very messages. */
  ranges(): OffsetRange[] {
    const ranges: OffsetRange[] = [];
    for (const [partition, { messages }] of this.#counts) {
      if (this.#disturbed.has(partition)) continue;
      // Two answers for one partition: its batch was stored twice, and both places are right.
      for (const firstOffset of this.#answers.get(partition) ?? []) {
        const lastOffset = firstOffset + BigInt(messages - 1);
        ranges.push({ topic: this.#topic, partition, firstOffset, lastOffset });
      }
    }
    return ranges;
  }

  #chooseMethod(): Method {
    const { isUnanswered, isOneBatchPerPartition } = this.#facts;
    if (this.#sent.every(({ placement }) => placement?.partition !== undefined)) {
      return isUnanswered ? "unanswered" : "placed";
    }
    if (isUnanswered) return "unknown";
    if (this.#sent.length === 1 && this.#answers.size === 1) return "only";
    const named = new Set(this.#sent.map((it) => it.named));
    if (!isOneBatchPerPartition || named.has(undefined)) return "unknown";
    // The partitioner is out of reach, and may put a message elsewhere than where the app named: believed only where the
    // answers agree.
    if ([...this.#answers.keys()].some((partition) => !named.has(partition))) return "unknown";
    if (this.#answers.size === named.size) return "named";
    this.isSuspect = true;
    return "unknown";
  }

  #partitionOf(i: number): number {
    const { placement, named } = this.#sent[i]!;
    if (this.#method === "placed") return placement!.partition!;
    return this.#method === "named" ? named! : this.#answers.keys().next().value!;
  }

  #findDisturbed(): ReadonlySet<number> {
    let disturbed: Set<number> | undefined;
    for (const { placement } of this.#sent) {
      if (placement?.earlier === undefined) continue;
      disturbed ??= new Set();
      for (const partition of placement.earlier) disturbed.add(partition);
      disturbed.add(placement.partition!);
    }
    return disturbed ?? NO_PARTITIONS;
  }

  #countUnacknowledged(): number {
    let isAnswered = this.#disturbed.size === 0;
    for (const partition of this.#counts.keys()) isAnswered &&= this.#answers.has(partition);
    if (isAnswered) return 0;
    let count = 0;
    for (let i = 0; i < this.#sent.length; i++) if (this.#isUnacknowledged(i)) count++;
    return count;
  }

  /** A message that was moved may have been stored where it was before: unacknowledged only if none of those answered. */
  #isUnacknowledged(i: number): boolean {
    const earlier = this.#sent[i]!.placement?.earlier;
    if (this.#answers.has(this.#partitionOf(i))) return false;
    return earlier === undefined || !earlier.some((partition) => this.#answers.has(partition));
  }
}
