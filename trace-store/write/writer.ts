import { Ahead } from "./ahead.ts";
import { WriterClosed, type WriteBatch, type WriteResult } from "./batch.ts";
import { DEFAULT_DICTIONARY_CAPS, type DictionaryCaps } from "./dictionaries.ts";
import { Incarnations } from "./incarnations.ts";
import { Ledger } from "./ledger.ts";
import { DEFAULT_QUARANTINE_LIMITS, Quarantine, type QuarantineLimits } from "./quarantine.ts";
import { prepare, type Prepared } from "./prepare.ts";
import { Session } from "./session.ts";
import { SliceMap } from "./slice-map.ts";
import type { FaultClass } from "./sqlstate.ts";
import type { WriteContext } from "./write-once.ts";
import { bugSentence, writeUntilDone } from "./write-until-done.ts";

/** How a {@link Writer} is made. */
export interface WriterOptions {
  readonly databaseUrl: string;
  /** Spans that started earlier than this before now are not stored. */
  readonly retentionMs: number;
  /** Batches written at once. Default 2: 1.8 times the throughput of one (measured). */
  readonly connections?: number;
  readonly dictionaryCaps?: DictionaryCaps;
  readonly quarantineLimits?: QuarantineLimits;
  /** Told of a problem when it begins and when its words change, and `undefined` when it is over. */
  readonly onProblem?: (sentence: string | undefined) => void;
}

/** Counts since the writer was made. */
export interface WriterFigures {
  readonly stored: number;
  readonly duplicates: number;
  readonly expired: number;
  readonly quarantined: number;
  /** Parts whose source had moved on without us. */
  readonly fenced: number;
  readonly batches: number;
  /** Batches that met a span that was there already. */
  readonly fallbacks: number;
  /** Attempts that failed and were made again, by what the failure called for. */
  readonly retries: Readonly<Record<string, number>>;
  /** Milliseconds since 1970 of the last commit, 0 before the first. */
  readonly committedAtMs: number;
}

/** Of the last so many batches ... */
const WINDOW_BATCHES = 50;
/** ... when this share met duplicates, the next goes by way of the temporary table at once. */
const STAGED_SHARE = 0.2;
const CLOSE_GRACE_MS = 5_000;

/** Writes batches of spans into the store, each whole or not at all, until they are in. */
export class Writer {
  readonly #context: WriteContext;
  readonly #sessions: readonly Session[];
  readonly #idle: Session[];
  readonly #waiting: ((session: Session) => void)[] = [];
  readonly #ahead = new Ahead();
  readonly #onProblem: WriterOptions["onProblem"];
  readonly #problems = new Map<Session, string>();
  /** For each of the last batches, whether it met a duplicate. */
  readonly #recent: boolean[] = [];
  readonly #inHand = new Set<Promise<unknown>>();
  readonly #closing = new AbortController();
  readonly #retries: Record<string, number> = {};
  #figures = {
    stored: 0,
    duplicates: 0,
    expired: 0,
    quarantined: 0,
    fenced: 0,
    batches: 0,
    fallbacks: 0,
    committedAtMs: 0,
  };

  constructor(options: WriterOptions) {
    this.#onProblem = options.onProblem;
    this.#context = {
      slices: new SliceMap(options.retentionMs),
      incarnations: new Incarnations(),
      quarantine: new Quarantine(options.quarantineLimits ?? DEFAULT_QUARANTINE_LIMITS),
      ledger: new Ledger(),
    };
    this.#sessions = Array.from(
      { length: options.connections ?? 2 },
      (_, i) =>
        new Session(
          options.databaseUrl,
          `kafka-trail writer ${process.pid}/${i + 1}`,
          options.dictionaryCaps ?? DEFAULT_DICTIONARY_CAPS,
        ),
    );
    this.#idle = [...this.#sessions];
  }

  /** Why nothing is being stored just now, in words; `undefined` while all is well. */
  get problem(): string | undefined {
    return this.#problems.values().next().value;
  }

  get figures(): WriterFigures {
    return { ...this.#figures, retries: { ...this.#retries } };
  }

  /**
   * Writes a batch in one transaction and resolves once it is durable, however often it has to try.
   *
   * Two parts of one source partition must be in one batch, or in batches of which the second is given when the first
   * has resolved. Rejects when the writer is closed, and for a fault of its own code, of which `onProblem` is told; the
   * source's stored offset then says what is in.
   */
  async write(batch: WriteBatch): Promise<WriteResult> {
    const written = this.#write(batch);
    this.#inHand.add(written);
    try {
      return await written;
    } finally {
      this.#inHand.delete(written);
    }
  }

  /** Waits a while for what is in hand, gives up what is not in by then, and closes the connections. */
  async close(graceMs = CLOSE_GRACE_MS): Promise<void> {
    const giveUp = setTimeout(() => {
      this.#closing.abort(new WriterClosed("The writer was closed before this batch was in."));
      for (const session of this.#sessions) session.discard();
    }, graceMs);
    await Promise.allSettled(this.#inHand);
    clearTimeout(giveUp);
    this.#closing.abort(new WriterClosed("The writer is closed."));
    await Promise.allSettled(this.#sessions.map((session) => session.close()));
  }

  async #write(batch: WriteBatch): Promise<WriteResult> {
    this.#closing.signal.throwIfAborted();
    const prepared = this.#ahead.add(() => this.#prepared(batch));
    const session =
      this.#idle.pop() ?? (await new Promise<Session>((resolve) => this.#waiting.push(resolve)));
    let isFallback = false;
    try {
      const result = await writeUntilDone(session, this.#context, prepared(), {
        isStaged: this.#recent.filter(Boolean).length > WINDOW_BATCHES * STAGED_SHARE,
        isMoreWaiting: () => batch.isMoreWaiting === true || this.#inHand.size > 1,
        whileWaiting: () => this.#ahead.doOne(),
        signal: this.#closing.signal,
        observer: {
          metDuplicate: () => (isFallback = true),
          failed: (sentence, kind) => this.#noteProblem(session, sentence, kind),
          recovered: () => this.#noteProblem(session, undefined, undefined),
        },
      });
      this.#count(result, isFallback);
      return result;
    } finally {
      const next = this.#waiting.shift();
      if (next) next(session);
      else this.#idle.push(session);
    }
  }

  #prepared({ parts }: WriteBatch): Prepared {
    try {
      return prepare(parts, this.#context);
    } catch (fault) {
      this.#noteProblem(this.#sessions[0] as Session, bugSentence(fault), "bug");
      throw fault;
    }
  }

  #noteProblem(session: Session, sentence: string | undefined, kind: FaultClass | undefined): void {
    const before = this.problem;
    if (sentence === undefined) this.#problems.delete(session);
    else this.#problems.set(session, sentence);
    if (kind !== undefined) this.#retries[kind] = (this.#retries[kind] ?? 0) + 1;
    if (this.problem !== before) this.#onProblem?.(this.problem);
  }

  #count(result: WriteResult, isFallback: boolean): void {
    const { stored, duplicates, expired, quarantined, fenced, batches, fallbacks } = this.#figures;
    this.#figures = {
      stored: stored + result.stored,
      duplicates: duplicates + result.duplicates,
      expired: expired + result.expired,
      quarantined: quarantined + result.quarantined,
      fenced: fenced + result.fenced.length,
      batches: batches + 1,
      fallbacks: fallbacks + (isFallback ? 1 : 0),
      committedAtMs: Date.now(),
    };
    this.#recent.push(isFallback);
    if (this.#recent.length > WINDOW_BATCHES) this.#recent.shift();
  }
}

/** Makes a writer. It connects when it is first given something. */
export function createWriter(options: WriterOptions): Writer {
  return new Writer(options);
}
