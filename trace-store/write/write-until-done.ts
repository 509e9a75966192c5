import { type Client } from "pg";
import { Backoff } from "./backoff.ts";
import { addResults, NOTHING_WRITTEN, type WriteResult } from "./batch.ts";
import { withoutPoison } from "./bisect.ts";
import { withoutSettled } from "./fence.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { type Session } from "./session.ts";
import { classifyFault, type FaultClass, sqlStateOf } from "./sqlstate.ts";
import { CommitUnanswered, SlicesChanged, writeOnce, type WriteContext } from "./write-once.ts";

const TRANSIENT_PAUSE_MAX_MS = 10_000;
const OPERATOR_PAUSE_MAX_MS = 30_000;
/** An unknown fault counts as transient this often, and as the operator's from then on. */
const UNKNOWN_TRIES_MAX = 10;
const QUERY_CANCELED = "57014";
const INTERNAL_ERROR = "XX000";
/** A fault that changes what is left to write is followed at once by the next attempt, so often without a pause. */
const AT_ONCE_MAX = 4;

/** Is told what happens on the way, for figures and for the operator. */
export interface WriteObserver {
  /** The batch held a span that was there already. */
  metDuplicate(): void;
  /** An attempt failed and will be made again; `sentence` says why to an operator. */
  failed(sentence: string, kind: FaultClass): void;
  /** An attempt went through. */
  recovered(): void;
}

/** One batch on its way into the store: what is left to write, and what is known of the rest. */
interface Progress {
  batch: Prepared;
  settled: WriteResult;
  isStaged: boolean;
  readonly isMoreWaiting: () => boolean;
  readonly whileWaiting: () => void;
  isCommitUnanswered: boolean;
}

/**
 * Writes a batch, again and again until they are in: bad rows go to quarantine, everything else is waited for.
 *
 * Throws when `signal` is aborted, and for a fault of our own code. Whether the batch is in is then said by the source's
 * stored offset.
 */
export async function writeUntilDone(
  session: Session,
  context: WriteContext,
  batch: Prepared,
  options: {
    readonly isStaged: boolean;
    readonly isMoreWaiting: () => boolean;
    readonly whileWaiting: () => void;
    readonly observer: WriteObserver;
    readonly signal: AbortSignal | undefined;
  },
): Promise<WriteResult> {
  const { observer, signal } = options;
  const progress: Progress = {
    batch,
    settled: NOTHING_WRITTEN,
    isStaged: options.isStaged,
    isMoreWaiting: options.isMoreWaiting,
    whileWaiting: options.whileWaiting,
    isCommitUnanswered: false,
  };
  const backoff = new Backoff(50, TRANSIENT_PAUSE_MAX_MS);
  const operatorBackoff = new Backoff(1_000, OPERATOR_PAUSE_MAX_MS);
  for (let atOnce = 0; ;) {
    signal?.throwIfAborted();
    try {
      const written = await attempt(session, context, progress);
      observer.recovered();
      if (progress.isStaged && written.duplicates > 0) observer.metDuplicate();
      return addResults(progress.settled, written);
    } catch (fault) {
      // Whoever closes the writer breaks its connections: that is nobody's fault.
      signal?.throwIfAborted();
      const kind = judge(fault, backoff.tries, progress.isStaged);
      await recover(session, context, progress, kind, fault);
      const isChanged = kind === "duplicate" || kind === "row" || kind === "no slice";
      if (isChanged && ++atOnce <= AT_ONCE_MAX) continue;
      observer.failed(sentenceOf(kind, fault), kind);
      if (kind === "bug") throw fault;
      await (kind === "operator" ? operatorBackoff : backoff).pause(signal);
    }
  }
}

async function attempt(session: Session, context: WriteContext, progress: Progress): Promise<WriteResult> {
  const watchdog = setTimeout(() => session.discard(), session.answerTimeoutMs);
  try {
    const client = await session.open();
    if (progress.isCommitUnanswered) await leaveOutSettled(client, context, progress);
    if (progress.batch.parts.length === 0) return NOTHING_WRITTEN;
    return await writeOnce(client, session, context, progress.batch, progress);
  } finally {
    clearTimeout(watchdog);
  }
}

async function leaveOutSettled(client: Client, context: WriteContext, progress: Progress): Promise<void> {
  const { parts, settled } = await withoutSettled(client, progress.batch.parts);
  if (settled.length > 0) progress.batch = prepare(parts, context);
  progress.settled = addResults(progress.settled, {
    ...NOTHING_WRITTEN,
    stored: settled.reduce((count, part) => count + part.rows.length, 0),
    quarantined: settled.reduce((count, part) => count + part.quarantined.length, 0),
  });
  progress.isCommitUnanswered = false;
}

function judge(fault: unknown, tries: number, isStaged: boolean): FaultClass {
  if (fault instanceof SlicesChanged) return "no slice";
  if (fault instanceof CommitUnanswered) return "transient";
  // Citus keeps to itself why a worker refused a COPY, duplicates included. Of the staged way's INSERT it tells.
  if (sqlStateOf(fault) === INTERNAL_ERROR && !isStaged) return "duplicate";
  const kind = classifyFault(fault);
  if (kind !== "unknown") return kind;
  return tries < UNKNOWN_TRIES_MAX ? "transient" : "operator";
}

/** Brings the connection and what is left to write into a state in which the next attempt can start. */
async function recover(
  session: Session,
  context: WriteContext,
  progress: Progress,
  kind: FaultClass,
  fault: unknown,
): Promise<void> {
  if (fault instanceof CommitUnanswered) progress.isCommitUnanswered = true;
  if (kind === "transient" || kind === "operator" || kind === "bug" || kind === "unknown") {
    if (sqlStateOf(fault) === QUERY_CANCELED) session.growPatience();
    session.discard();
    return;
  }
  try {
    const client = await session.open();
    await client.query("ROLLBACK");
    if (kind === "duplicate") progress.isStaged = true;
    if (kind === "no slice") await context.slices.refresh(client, 0);
    if (kind === "row") {
      progress.batch = prepare(await withoutPoison(client, session, progress.batch.parts), context);
    }
  } catch {
    // The next attempt meets the same trouble, names it and waits.
    session.discard();
  }
}

function sentenceOf(kind: FaultClass, fault: unknown): string {
  const cause = fault instanceof CommitUnanswered ? fault.cause : fault;
  const code = sqlStateOf(cause);
  const message = messageOf(cause);
  const said = code === "" ? message : `${message} (${code})`;
  if (kind === "bug") return bugSentence(fault);
  return kind === "operator"
    ? `Postgres refuses the writer: ${said}. No span is lost, and none is stored until this is put right: check DATABASE_URL, its role's rights and that the schema is migrated.`
    : `Postgres is not taking writes: ${said}. Trying again; nothing is lost meanwhile.`;
}

/** What an operator is told of a fault of our own code. */
export function bugSentence(fault: unknown): string {
  return `kafka-trail itself failed to write spans: ${messageOf(fault)}. They are not lost: they are read again, or to be sent again. Please report it.`;
}

/** A host with two addresses that both refuse comes as an AggregateError without words of its own. */
function messageOf(fault: unknown): string {
  const first: unknown = fault instanceof AggregateError ? fault.errors[0] : fault;
  return first instanceof Error ? first.message : String(first);
}
