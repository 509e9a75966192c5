import type { Acknowledgement } from "./acknowledgement.ts";
import { attempt } from "./attempt.ts";
import type { ClientCall } from "./client-shape.ts";
import type { Delivery } from "./delivery.ts";
import { unacknowledgedPlaces } from "./report-loss.ts";
import type { SendSpan } from "./send-span.ts";

/** Leaders that move again during each of so many sends: something else is wrong, and the app is told. */
const RESENDS_MAX = 5;

/** A send resolved although no broker acknowledged some of its messages, and they could not be sent again. */
export class UnacknowledgedError extends Error {
  override readonly name = "UnacknowledgedError";
  /** Messages that no broker acknowledged. */
  readonly messageCount: number;
  /** Where they were going, as `topic/partition`, at most 20. */
  readonly places: readonly string[];

  constructor(delivery: Delivery, acknowledgement: Acknowledgement, advice: string) {
    const places = unacknowledgedPlaces(delivery, acknowledgement);
    const { unacknowledged } = acknowledgement;
    super(
      `${unacknowledged} of ${delivery.messageCount} messages were never acknowledged by a broker (${places.join(", ")}), ` +
        `although the client resolved their send. ${advice}`,
    );
    this.messageCount = unacknowledged;
    this.places = places;
  }
}

const ABORT = "They must not be sent again inside this transaction: abort it, and begin another.";
const GIVE_UP = `They were sent again ${RESENDS_MAX} times. Look at the state of these partitions, then send them once more.`;

/**
 * Returns what a send resolves with once every message is acknowledged: messages that no broker acknowledged are sent
 * again, in their partitions and in their order, and their record metadata is added.
 *
 * Rejects with what the client rejects with; with {@link UnacknowledgedError} after five such sends, and at once inside
 * a transaction.
 */
export async function resendUnacknowledged(
  send: ClientCall,
  first: Promise<unknown>,
  delivery: Delivery,
  { span, isTransaction }: { readonly span: SendSpan | undefined; readonly isTransaction: boolean },
): Promise<unknown> {
  // What cannot be read is no reason to reject what the client resolved.
  const judge = (metadata: unknown) => attempt(() => delivery.acknowledge(metadata));
  try {
    let metadata = await first;
    const missed: Acknowledgement[] = [];
    let acknowledgement = judge(metadata);
    for (let round = 0; acknowledgement !== undefined && acknowledgement.unacknowledged > 0; round++) {
      if (isTransaction) throw new UnacknowledgedError(delivery, acknowledgement, ABORT);
      if (round === RESENDS_MAX) throw new UnacknowledgedError(delivery, acknowledgement, GIVE_UP);
      missed.push(acknowledgement);
      const again = await send(...delivery.argsOfUnacknowledged(acknowledgement));
      metadata = [metadata, again].flat();
      acknowledgement = judge(metadata);
    }
    if (acknowledgement !== undefined) span?.succeed(acknowledgement, missed);
    return metadata;
  } catch (error) {
    span?.fail(error);
    throw error;
  }
}
