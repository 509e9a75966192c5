/** Parts of the store that one process may run alone. */
export const PARTS = ["index", "watch", "serve"] as const;
export type Part = (typeof PARTS)[number];

/** Something that could not be stored. */
export interface QuarantinedEntry {
  /** SHA-256 of its bytes, hex. */
  readonly hash: string;
  readonly reason: string;
  readonly source: string;
  readonly partition: number | null;
  readonly sourceOffset: string | null;
  readonly bytesTotal: number;
  /** RFC 3339. */
  readonly seenAt: string;
  /** Base64; only where one was asked for. */
  readonly bytes?: string;
}

/** An entry of quarantine that was tried again. */
export interface RetriedEntry {
  readonly hash: string;
  readonly reason: string;
  /** `stored` and `expired` are gone from quarantine, `refused` and `cut` are still there. */
  readonly outcome: "stored" | "expired" | "refused" | "cut";
  /** Spans that are new. */
  readonly spans: number;
  /** Spans that were there already. */
  readonly duplicates: number;
  /** What became of it, in words. */
  readonly says: string;
}

/** What the program does to the store itself, as opposed to asking it. main.ts hands it in. */
export interface Operations {
  /** Runs the store, or one part of it, until the process is told to stop. */
  up(options: { readonly only: Part | undefined }): Promise<void>;
  /** Brings the database's schema to this build's; with `citus`, spread over the workers of its Citus cluster. */
  migrate(options: { readonly citus: boolean }): Promise<{
    readonly applied: readonly string[];
    readonly distributed: readonly string[];
    readonly version: string;
  }>;
  /** Forgets the spans of a message key or of a trace. */
  purge(target: { readonly key: string } | { readonly traceId: string }): Promise<{
    readonly spans: number;
    readonly links: number;
    readonly ranges: number;
    readonly quarantined: number;
  }>;
  /** Reads what could not be stored, newest first; with `hash`, or its beginning, with bytes. */
  quarantined(asked: { readonly hash: string | undefined }): Promise<readonly QuarantinedEntry[]>;
  /** Stores again what was kept whole: one entry by the beginning of its hash, all of a reason, or all. */
  retryQuarantined(
    target: { readonly hash: string } | { readonly reason: string } | { readonly all: true },
  ): Promise<readonly RetriedEntry[]>;
}
