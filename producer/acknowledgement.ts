import type { OffsetRange } from "../trace-context/index.ts";
import { answersByTopic, NO_ANSWERS } from "./answers.ts";
import { OneAcknowledged } from "./one-acknowledged.ts";
import type { Fate, SendFacts, SentPart } from "./sent.ts";
import { TopicFates } from "./topic-fates.ts";

/** What is known of a whole send after it resolved. */
export interface Acknowledgement {
  readonly ranges: readonly OffsetRange[];
  /** How many messages no broker acknowledged. */
  readonly unacknowledged: number;
  /** True: messages may be lost or doubled, and nobody can say which. */
  readonly isSuspect: boolean;
  /** Returns what became of one message, by its place in the send. */
  fateOf(part: number, index: number): Fate;
}

/** Says where each message lies, which were never acknowledged, and which cannot be told, by what the send resolved with. */
export function acknowledge(
  parts: readonly SentPart[],
  metadata: unknown,
  facts: SendFacts,
): Acknowledgement {
  return OneAcknowledged.of(parts, metadata, facts) ?? new ManyAcknowledged(parts, metadata, facts);
}

class ManyAcknowledged implements Acknowledgement {
  readonly ranges: readonly OffsetRange[];
  readonly unacknowledged: number;
  readonly isSuspect: boolean;
  /** Of each part, its topic and how many of the topic's messages came before it. */
  readonly #parts: readonly { readonly topic: TopicFates; readonly from: number }[];

  // Messages are ranked over all parts of the same topic, as kafkajs joins those before it writes.
  constructor(parts: readonly SentPart[], metadata: unknown, facts: SendFacts) {
    const answers = answersByTopic(metadata);
    // kafkajs resolves every send with a list; a stand-in of a test may resolve with nothing, which says nothing.
    const isUnanswered = facts.isUnanswered || !Array.isArray(metadata);
    const topics = new Map<string, TopicFates>();
    this.#parts = parts.map(({ topic: name, sent }) => {
      const known = topics.get(name);
      const topic =
        known ?? new TopicFates(name, answers.get(name) ?? NO_ANSWERS, { ...facts, isUnanswered });
      if (known === undefined) topics.set(name, topic);
      return { topic, from: topic.add(sent) };
    });
    const all = [...topics.values()];
    for (const topic of all) topic.rank();
    this.ranges = all.flatMap((topic) => topic.ranges());
    this.unacknowledged = all.reduce((count, topic) => count + topic.unacknowledged, 0);
    this.isSuspect = all.some((topic) => topic.isSuspect);
  }

  fateOf(part: number, index: number): Fate {
    const { topic, from } = this.#parts[part]!;
    return topic.fateOf(from + index);
  }
}
