/** Where the client's partitioner put one message, attempt after attempt. */
export interface Placement {
  /** Partition of the latest attempt; `undefined` until the client has asked. */
  partition: number | undefined;
  /** How often the client asked: once, and once more for each retry. */
  asked: number;
  /** Partitions of earlier attempts that differ from the one after them; `undefined` while the message stayed. */
  earlier: number[] | undefined;
}

/**
 * Where a followed message keeps its placement: on itself, as it is a copy of ours that is sent once. A WeakMap would be
 * one more table for the garbage collector, and cost 1.0 us a message against 0.05.
 */
export const PLACEMENT = Symbol("kafka-trail placement");

interface Followed {
  [PLACEMENT]?: Placement | undefined;
}

/** What a wrapped partitioner tells of the messages it is asked to follow. */
export interface PartitionRecorder {
  /** Returns the placement of a message, kept up to date while the client sends it. The message must be a copy of ours. */
  follow(message: object): Placement;
  /**
   * From now on every followed message stays in its first partition, whatever the partitioner would say on a retry. It
   * makes kafkajs's loss visible in full and cures none of it: never without sending again what was not acknowledged.
   */
  pin(): void;
}

/** Makes the function that chooses a message's partition; kafkajs's `createPartitioner`. */
type CreatePartitioner = () => (args: { message: Followed }) => number;

/**
 * Wraps a partitioner so that each message's partition is known. The wrapped one is asked exactly as the client asks,
 * and what it returns or throws goes to the client; messages that nobody follows leave no trace.
 */
export function recordPartitions<C extends () => unknown>(
  createPartitioner: C,
): { createPartitioner: C; partitions: PartitionRecorder } {
  let isPinned = false;
  const create: CreatePartitioner = () => {
    const choose = createPartitioner() as ReturnType<CreatePartitioner>;
    // The client's own error says more than ours would.
    if (typeof choose !== "function") return choose;
    return (args) => {
      const placement = args.message[PLACEMENT];
      if (placement === undefined) return choose(args);
      placement.asked++;
      if (isPinned && placement.partition !== undefined) return placement.partition;
      const partition = choose(args);
      record(placement, partition);
      return partition;
    };
  };
  return {
    createPartitioner: create as unknown as C,
    partitions: {
      follow(message: Followed) {
        const placement = { partition: undefined, asked: 0, earlier: undefined };
        message[PLACEMENT] = placement;
        return placement;
      },
      pin() {
        isPinned = true;
      },
    },
  };
}

function record(placement: Placement, partition: number): void {
  const before = placement.partition;
  if (before !== undefined && before !== partition) (placement.earlier ??= []).push(before);
  placement.partition = partition;
}
