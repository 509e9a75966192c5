/** How a send of an idempotent producer ended. */
export interface Outcome {
  /** True: the send was rejected, or some attempt of it was. */
  readonly isTroubled: boolean;
  /** Messages that a rejected send may have left behind on the broker, per `topic/partition`; none where it resolved. */
  readonly abandoned: ReadonlyMap<string, number>;
  /** Messages that a resolved send had acknowledged, per `topic/partition`. */
  readonly acknowledged: ReadonlyMap<string, number>;
}

/** A send from its call to the moment when its offsets can be judged. */
interface OpenSend {
  readonly topics: readonly string[];
  isDoubtful: boolean;
  /** Sends that were open when this one settled: their ends decide. */
  waitingFor: Set<OpenSend>;
  judge: ((isUncertain: boolean) => void) | undefined;
}

/** More settled sends than this are not kept waiting: one that hangs must not hold the spans of all others. */
const WAITING_SENDS_MAX = 1_000;

/**
 * Says which offsets of an idempotent producer can be trusted.
 *
 * When an attempt fails, kafkajs 2.2.4 takes its sequence numbers back, even though the broker may have stored the
 * messages. The next batch then uses the same numbers, the broker takes it for a repetition, and answers with the offset
 * of the other messages: 68 of 4,904 offsets were wrong that way. Nothing in the answer shows it. So an offset is
 * uncertain when another send to the topic failed or retried while this one was open, and until as many messages were
 * acknowledged in the partition as a rejected send had left behind.
 */
export class SequenceDoubt {
  readonly #open = new Set<OpenSend>();
  readonly #waiting = new Set<OpenSend>();
  /** Messages by which the client's numbers may be behind the broker's, per `topic/partition`. */
  readonly #behind = new Map<string, number>();

  /** Begins a send; the returned function ends it and calls `judge`, perhaps later, never twice. */
  begin(topics: readonly string[]): (outcome: Outcome, judge: (isUncertain: boolean) => void) => void {
    const send: OpenSend = { topics, isDoubtful: false, waitingFor: new Set(), judge: undefined };
    this.#open.add(send);
    return (outcome, judge) => {
      send.judge = judge;
      this.#settle(send, outcome);
    };
  }

  #settle(send: OpenSend, outcome: Outcome): void {
    this.#open.delete(send);
    if (this.#catchUp(outcome)) send.isDoubtful = true;
    for (const other of this.#open) {
      if (!shareTopic(send, other)) continue;
      if (outcome.isTroubled) other.isDoubtful = true;
      send.waitingFor.add(other);
    }
    for (const other of this.#waiting) {
      if (!other.waitingFor.delete(send)) continue;
      if (outcome.isTroubled) other.isDoubtful = true;
      this.#judgeIfKnown(other);
    }
    this.#waiting.add(send);
    this.#judgeIfKnown(send);
    const [oldest] = this.#waiting;
    if (this.#waiting.size > WAITING_SENDS_MAX && oldest !== undefined) {
      oldest.isDoubtful = true;
      this.#judgeIfKnown(oldest);
    }
  }

  #judgeIfKnown(send: OpenSend): void {
    if (!send.isDoubtful && send.waitingFor.size > 0) return;
    this.#waiting.delete(send);
    send.judge?.(send.isDoubtful);
  }

  /** Counts what the broker may have that the client does not count; true where this send was numbered behind it. */
  #catchUp({ abandoned, acknowledged }: Outcome): boolean {
    let wasBehind = false;
    for (const [at, count] of acknowledged) {
      const behind = this.#behind.get(at);
      if (behind === undefined) continue;
      wasBehind = true;
      if (behind <= count) this.#behind.delete(at);
      else this.#behind.set(at, behind - count);
    }
    for (const [at, count] of abandoned) this.#behind.set(at, (this.#behind.get(at) ?? 0) + count);
    return wasBehind;
  }
}

function shareTopic(one: OpenSend, other: OpenSend): boolean {
  return one.topics.some((topic) => other.topics.includes(topic));
}
