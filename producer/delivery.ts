import type { Tracing } from "../trace-context/index.ts";
import { acknowledge, type Acknowledgement } from "./acknowledgement.ts";
import type { Sent } from "./sent.ts";
import type { OutgoingMessage, ProducerBatch, TopicMessages } from "./client-shape.ts";
import { copyArgument, copyMessage, type MessageCopy } from "./copy-message.ts";
import type { PartitionRecorder, Placement } from "./partitioner.ts";

/** The two calls that send. */
export type SendMethod = "send" | "sendBatch";

/** One message on its way: what the client is given in place of the app's own object. */
export interface Outgoing extends Sent {
  /** `undefined` where only the app's own object works: it goes as it is, without a context. */
  readonly copy: MessageCopy | undefined;
}

/** The messages of one topic on their way. */
export interface OutgoingPart {
  readonly topic: string;
  readonly sent: readonly Outgoing[];
}

/** What is known of the client that sends. */
export interface ClientFacts {
  readonly partitions: PartitionRecorder | undefined;
  readonly isOneBatchPerPartition: boolean;
}

const ARGUMENT_FIELDS = ["topic", "messages", "topicMessages", "acks", "timeout", "compression"];

/** One call of `send` or `sendBatch`: copies of what the app gave, which headers can be added to. */
export class Delivery {
  /** What the client is called with. */
  readonly args: readonly unknown[];
  /** What is traced of it; excluded topics are left out. */
  readonly parts: readonly OutgoingPart[];
  readonly method: SendMethod;
  readonly messageCount: number;
  readonly #facts: { readonly isOneBatchPerPartition: boolean; readonly isUnanswered: boolean };
  readonly #argument: object;

  /** Prepares a call; `undefined` for one that is the client's to refuse, and for one without a traced topic. */
  static of(
    method: SendMethod,
    args: readonly unknown[],
    tracing: Tracing,
    client: ClientFacts,
  ): Delivery | undefined {
    const [given, ...rest] = args;
    if (typeof given !== "object" || given === null) return undefined;
    const argument = copyArgument(given, ARGUMENT_FIELDS as never);
    const parts: OutgoingPart[] = [];
    const prepare = (part: TopicMessages): readonly OutgoingMessage[] => {
      const { sent, messages } = prepareMessages(part.messages, client.partitions);
      parts.push({ topic: part.topic, sent });
      return messages;
    };
    const isTraced = (part: unknown): part is TopicMessages =>
      isSendable(part) && !tracing.excludes(part.topic);
    if (method === "send") {
      if (!isTraced(argument)) return undefined;
      (argument as { messages: unknown }).messages = prepare(argument);
    } else {
      const { topicMessages } = argument as ProducerBatch;
      if (!Array.isArray(topicMessages)) return undefined;
      const copies = topicMessages.map((part: unknown) =>
        isTraced(part) ? { ...part, messages: prepare(part) } : part,
      );
      Object.assign(argument, { topicMessages: copies });
    }
    return parts.length === 0 ? undefined : new Delivery(method, argument, rest, parts, client);
  }

  private constructor(
    method: SendMethod,
    argument: object,
    rest: readonly unknown[],
    parts: readonly OutgoingPart[],
    { isOneBatchPerPartition }: ClientFacts,
  ) {
    this.method = method;
    this.#argument = argument;
    this.args = [argument, ...rest];
    this.parts = parts;
    let messageCount = 0;
    for (const { sent } of parts) messageCount += sent.length;
    this.messageCount = messageCount;
    this.#facts = { isOneBatchPerPartition, isUnanswered: (argument as { acks?: unknown }).acks === 0 };
  }

  /** True for a `send` of one message, whose span is the message's own. */
  get isSingle(): boolean {
    return this.method === "send" && this.messageCount === 1;
  }

  /** Attempts after the first, as far as the partitioner was asked for them. */
  get retries(): number {
    let asked = 1;
    for (const { sent } of this.parts) {
      for (const { placement } of sent) {
        if (placement !== undefined && placement.asked > asked) asked = placement.asked;
      }
    }
    return asked - 1;
  }

  /** Says what became of each message, by what the call resolved with. */
  acknowledge(metadata: unknown): Acknowledgement {
    return acknowledge(this.parts, metadata, this.#facts);
  }

  /** The call that sends again, and alone, the messages that were not acknowledged: the same objects, in their order. */
  argsOfUnacknowledged(acknowledgement: Acknowledgement): readonly unknown[] {
    const missing = this.parts.map(({ topic, sent }, part) => ({
      topic,
      messages: sent
        .filter((_, i) => acknowledgement.fateOf(part, i).isUnacknowledged)
        .map(({ copy }) => copy),
    }));
    const argument: object =
      this.method === "send"
        ? { ...this.#argument, ...missing[0] }
        : { ...this.#argument, topicMessages: missing.filter(({ messages }) => messages.length > 0) };
    return [argument, ...this.args.slice(1)];
  }
}

function isSendable(part: unknown): part is TopicMessages {
  const { topic, messages } = (part ?? {}) as { topic?: unknown; messages?: unknown };
  return typeof topic === "string" && Array.isArray(messages);
}

function prepareMessages(
  messages: readonly OutgoingMessage[],
  partitions: PartitionRecorder | undefined,
): { sent: Outgoing[]; messages: OutgoingMessage[] } {
  const sent: Outgoing[] = [];
  const given: OutgoingMessage[] = [];
  for (const message of messages) {
    const copy = copyMessage(message);
    const placement: Placement | undefined = copy && partitions?.follow(copy);
    const named = typeof copy?.partition === "number" ? copy.partition : undefined;
    sent.push({ copy, placement, named });
    given.push(copy ?? message);
  }
  return { sent, messages: given };
}
