import type { Guard, Tracing } from "../trace-context/index.ts";
import { isPlain } from "./copy-message.ts";
import type { ClientFacts } from "./delivery.ts";
import type { PartitionRecorder } from "./partitioner.ts";
import { producerMetrics, type ProducerMetrics } from "./producer-metrics.ts";
import { SequenceDoubt } from "./sequence-doubt.ts";
import { Topics } from "./topic-names.ts";
import { TransactionTrail } from "./transaction-trail.ts";
import { warnOfNoCure } from "./warn-no-cure.ts";

/** What is known of a producer from outside: its configuration, where that was seen. */
export interface ProducerFacts {
  /** Default: what the producer itself says. */
  readonly idempotent?: boolean | undefined;
  readonly transactionalId?: string | undefined;
  /** Of the partitioner that the producer was made with, see `recordPartitions`. */
  readonly partitions?: PartitionRecorder | undefined;
}

/** Where a send belongs. */
export interface SendScope {
  /** `undefined` where sequence numbers do not matter. */
  readonly doubts: SequenceDoubt | undefined;
  /** `undefined` outside of a transaction. */
  readonly transaction: TransactionTrail | undefined;
}

/** Everything that is remembered of one traced producer. */
export class ProducerTrail {
  readonly tracing: Tracing;
  readonly guard: Guard;
  readonly metrics: ProducerMetrics;
  readonly topics: Topics;
  readonly client: ClientFacts;
  readonly transactionalId: string | undefined;
  /** True where what was not acknowledged is sent again: only where partitions can be pinned. */
  readonly resendsUnacknowledged: boolean;
  /** Sends outside of transactions. */
  readonly scope: SendScope;
  /** Its transactions share one producer id, and with it their sequence numbers. */
  readonly #transactionDoubts: SequenceDoubt | undefined;

  constructor(producer: object, tracing: Tracing, facts: ProducerFacts) {
    this.tracing = tracing;
    this.guard = tracing.guard;
    this.metrics = producerMetrics(tracing);
    this.topics = new Topics(tracing);
    const isOneBatchPerPartition = facts.partitions !== undefined || isKafkajs(producer);
    this.client = { partitions: facts.partitions, isOneBatchPerPartition };
    this.transactionalId = facts.transactionalId;
    this.resendsUnacknowledged = tracing.options.resendUnacknowledged && facts.partitions !== undefined;
    if (this.resendsUnacknowledged) facts.partitions?.pin();
    else if (tracing.options.resendUnacknowledged && isKafkajs(producer)) warnOfNoCure();
    const isIdempotent = facts.idempotent ?? saysIdempotent(producer);
    this.scope = {
      doubts: isOneBatchPerPartition && isIdempotent ? new SequenceDoubt() : undefined,
      transaction: undefined,
    };
    this.#transactionDoubts = isOneBatchPerPartition ? new SequenceDoubt() : undefined;
  }

  /** Returns the scope of a transaction that begins. */
  beginTransaction(): SendScope {
    return {
      doubts: this.#transactionDoubts,
      transaction: new TransactionTrail(this.tracing.options.linksMax),
    };
  }
}

/** kafkajs's producers are plain objects of closures; Confluent's are of a class, and may split a send into batches. */
function isKafkajs(producer: object): boolean {
  return isPlain(producer) && "isIdempotent" in producer;
}

function saysIdempotent(producer: object): boolean {
  const { isIdempotent } = producer as { isIdempotent?: unknown };
  return typeof isIdempotent === "function" && (isIdempotent as () => unknown).call(producer) === true;
}
