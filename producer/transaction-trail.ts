import type { SpanContext } from "@opentelemetry/api";
import { formatOffsetRange, type OffsetRange } from "../trace-context/index.ts";

/** More ranges than this are not remembered of one transaction; kafkajs ends one after 60 s. */
const RANGES_MAX = 65_536;

/** What one transaction has sent so far, for the span that settles it. */
export class TransactionTrail {
  readonly #linksMax: number;
  readonly #ranges = new Map<string, OffsetRange[]>();
  readonly #sends: SpanContext[] = [];
  #rangeCount = 0;
  /** True once some of its sends have offsets that cannot be trusted. */
  isUncertain = false;

  constructor(linksMax: number) {
    this.#linksMax = linksMax;
  }

  /** The spans of its first sends. */
  get sends(): readonly SpanContext[] {
    return this.#sends;
  }

  /** Adds a send when it is made. */
  addSend(spanContext: SpanContext): void {
    if (this.#sends.length < this.#linksMax) this.#sends.push(spanContext);
  }

  /** Adds what a send had acknowledged, joined where it follows directly. */
  addRanges(ranges: readonly OffsetRange[], isUncertain: boolean): void {
    this.isUncertain ||= isUncertain;
    for (const range of ranges) {
      const at = `${range.topic}/${range.partition}`;
      let known = this.#ranges.get(at);
      if (known === undefined) this.#ranges.set(at, (known = []));
      const latest = known.at(-1);
      if (latest !== undefined && latest.lastOffset + 1n === range.firstOffset) {
        known[known.length - 1] = { ...latest, lastOffset: range.lastOffset };
      } else if (this.#rangeCount < RANGES_MAX) {
        known.push(range);
        this.#rangeCount++;
      }
    }
  }

  /** Returns its topics. */
  topics(): string[] {
    return [...new Set([...this.#ranges.values()].map(([first]) => first!.topic))];
  }

  /** Spells everything it covers as `topic/partition/first-last`. */
  spelledRanges(): string[] {
    return [...this.#ranges.values()].flat().map(formatOffsetRange);
  }
}
