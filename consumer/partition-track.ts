import type { Attributes, SpanContext } from "@opentelemetry/api";
import { addRun, type OffsetRun } from "./offset-ranges.ts";

/** The furthest that a group has got in one partition, in this process. */
export interface ProcessedMark {
  offset: number;
  /** The latest timestamp it has seen: a topic made anew counts from 0 again, with messages that are younger. */
  timestampMs: number;
}

/** What is known of one delivery before its handler is called. */
export interface Delivery {
  readonly offset: number;
  /** From 1. */
  readonly attempt: number;
  readonly isDuplicate: boolean;
  readonly voidBefore: number | undefined;
  /** Span of the attempt before this one. */
  readonly previous: SpanContext | undefined;
}

/** An offset that no message has: nothing is handed over, nothing is expected next. */
const NONE = -1;
/** Jumps and holes make a session's list of runs longer; beyond this the oldest are dropped. */
const RUNS_MAX = 1024;

/**
 * What one consumer remembers of one partition: attempts, the chain of known offsets, and the session's positions.
 * Nothing is kept per message, so its size does not depend on traffic.
 */
export class PartitionTrack {
  readonly topic: string;
  readonly partition: number;
  readonly spanName: string;
  readonly isExcluded: boolean;
  /** Attributes of its process spans that samplers may judge by. Never changed once they are made. */
  samplingAttributes: Attributes = {};
  /** And the others that all of these spans share. */
  sharedAttributes: Attributes = {};
  /** Metric attributes of the topic. */
  metricAttributes: Attributes = {};
  /** Offset of the next message to be written, as of the last fetch. */
  highWatermark = NONE;
  /** Next offset to read, as of the last acknowledged commit. */
  committed = NONE;
  readonly held: OffsetRun[] = [];
  readonly skipped: OffsetRun[] = [];

  readonly #mark: ProcessedMark;
  #failedOffset = NONE;
  #failedAttempts = 0;
  #failedVoidBefore: number | undefined;
  #failedSpan: SpanContext | undefined;
  // Every offset of knownFrom..knownTo was handed over, is about to be, or holds no visible message.
  #knownFrom = NONE;
  #knownTo = NONE;
  #handed = NONE;
  #leftOfFetch = 0;
  // The position the session would have without a jump, and whether the app asked for one.
  #nextPosition = NONE;
  #isSeekPending = false;

  constructor(topic: string, partition: number, isExcluded: boolean, mark: ProcessedMark) {
    this.topic = topic;
    this.partition = partition;
    this.spanName = `process ${topic}`;
    this.isExcluded = isExcluded;
    this.#mark = mark;
  }

  /** The first offset after all that the session was handed, `undefined` before it was handed anything. */
  get nextPosition(): number | undefined {
    return this.#nextPosition === NONE ? undefined : this.#nextPosition;
  }

  /** Messages written and not handed over yet, as of the last fetch; `undefined` before the first. */
  get lagMessages(): number | undefined {
    if (this.highWatermark === NONE || this.#nextPosition === NONE) return undefined;
    return Math.max(0, this.highWatermark - this.#nextPosition);
  }

  /** Messages between an offset and the end of the log, as of the last fetch. */
  behind(offset: number): number {
    return Math.max(0, this.highWatermark - 1 - offset);
  }

  /**
   * Notes a fetch that covers `first` to `last` and holds `messages` visible messages. It continues the chain only
   * where it begins right after the fetch before it, and all of that one was handed over.
   */
  beginFetch(first: number, last: number, messages: number): void {
    const continues = this.#knownTo !== NONE && first === this.#knownTo + 1 && this.#leftOfFetch === 0;
    if (!continues) {
      this.#knownFrom = first;
      this.#handed = NONE;
    }
    this.#knownTo = last;
    this.#leftOfFetch = messages;
  }

  /** Forgets the chain: what comes next need not follow what was. */
  breakChain(): void {
    this.#knownFrom = NONE;
    this.#knownTo = NONE;
    this.#handed = NONE;
    this.#leftOfFetch = 0;
  }

  /** Notes that the app asked for another position. */
  seek(): void {
    this.breakChain();
    this.#isSeekPending = true;
  }

  /** Begins a session: positions are the group's again, not this consumer's. */
  beginSession(): void {
    this.breakChain();
    this.#nextPosition = NONE;
    this.#isSeekPending = false;
    this.held.length = 0;
    this.skipped.length = 0;
  }

  /** Says what is known of a message about to be handled, and notes that it was handed over. */
  deliver(offset: number, timestampMs: number): Delivery {
    const isRetry = offset === this.#failedOffset;
    const delivery = {
      offset,
      attempt: isRetry ? this.#failedAttempts + 1 : 1,
      isDuplicate: this.#isDuplicate(offset, timestampMs),
      voidBefore: isRetry ? this.#failedVoidBefore : this.#voidBefore(offset),
      previous: isRetry ? this.#failedSpan : undefined,
    };
    this.#handed = offset;
    this.#leftOfFetch--;
    return delivery;
  }

  /** Notes that the rest of the fetch was handed over at once, as eachBatch does it. */
  deliverRest(last: number): void {
    this.#handed = last;
    this.#leftOfFetch = 0;
  }

  /**
   * Notes that the session went through `first` to `last`. Returns true when it jumped over offsets: by seek, or, where
   * `isExact` says that `first` is the very position the client asked the broker for, by a reset.
   */
  hold(first: number, last: number, isExact: boolean): boolean {
    const next = this.#nextPosition;
    const hasJumped = next !== NONE && first > next && (this.#isSeekPending || isExact);
    if (hasJumped) this.#push(this.skipped, next, first - 1);
    this.#isSeekPending = false;
    this.#push(this.held, first, last);
    this.#nextPosition = last + 1;
    return hasJumped;
  }

  /** Notes that the client will ask for `offset` next, though more than that was handed over. */
  expect(offset: number): void {
    this.#nextPosition = offset;
  }

  /** Notes that everything up to `offset` was processed. */
  succeed(offset: number, timestampMs: number): void {
    if (offset === this.#failedOffset) {
      this.#failedOffset = NONE;
      this.#failedSpan = undefined;
    }
    const isMadeAnew = timestampMs > this.#mark.timestampMs;
    if (offset > this.#mark.offset || isMadeAnew) this.#mark.offset = offset;
    if (isMadeAnew) this.#mark.timestampMs = timestampMs;
  }

  /** Notes that a delivery failed, so that the next one of the same offset is known as a retry. */
  fail(delivery: Delivery, span: SpanContext | undefined): void {
    this.#failedOffset = delivery.offset;
    this.#failedAttempts = delivery.attempt;
    this.#failedVoidBefore = delivery.voidBefore;
    this.#failedSpan = span ?? delivery.previous;
  }

  #isDuplicate(offset: number, timestampMs: number): boolean {
    return offset <= this.#mark.offset && timestampMs <= this.#mark.timestampMs;
  }

  // 0 is said only where the message before this one was handed over: it is evidence about that one too.
  #voidBefore(offset: number): number | undefined {
    if (offset < this.#knownFrom || offset > this.#knownTo) return undefined;
    if (this.#handed !== NONE) return offset > this.#handed ? offset - this.#handed - 1 : undefined;
    return offset > this.#knownFrom ? offset - this.#knownFrom : undefined;
  }

  #push(runs: OffsetRun[], first: number, last: number): void {
    addRun(runs, first, last);
    if (runs.length > RUNS_MAX) runs.shift();
  }
}
