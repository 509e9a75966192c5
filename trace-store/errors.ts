/** Codes of every expected fault of the store. HTTP maps them to a status, the CLI to an exit code. */
export const TRAIL_CODES = [
  /** The configuration is wrong. */
  "TRAIL_CONFIG",
  /** The database's schema is newer than this build knows, and says that it must not be used. */
  "TRAIL_SCHEMA_NEWER",
  /** The database has no schema of kafka-trail's yet, or an older one. */
  "TRAIL_SCHEMA_MISSING",
  /** An id or a parameter has a form that nothing has. */
  "TRAIL_BAD_QUESTION",
  /** Nothing is stored under that id. */
  "TRAIL_NOT_FOUND",
  /** The question could not be answered: Postgres refused or broke off. */
  "TRAIL_QUERY",
  /** Postgres is not reachable. */
  "TRAIL_DATABASE",
  /** Kafka is not reachable or refuses us. */
  "TRAIL_BROKER",
  /** The server is not reachable from here. */
  "TRAIL_UNREACHABLE",
  /** No token, a wrong one, or one without the scope. */
  "TRAIL_AUTH",
  /** More was asked at once than is answered at once. */
  "TRAIL_BUSY",
] as const;

/** One of {@link TRAIL_CODES}. */
export type TrailCode = (typeof TRAIL_CODES)[number];

/** Makes the fault of a door whose address cannot be had. `variable` is the setting of its port. */
export function addressFault(door: string, address: string, variable: string, cause: unknown): TrailError {
  const said = cause instanceof Error ? cause.message : String(cause);
  return new TrailError(
    "TRAIL_CONFIG",
    `The ${door} door cannot listen on ${address} (${said}). Stop what listens there, or set ${variable}.`,
    { cause },
  );
}

/**
 * An expected fault, said in a sentence: what was seen, what was expected, what to do.
 * Programmer's faults are not of this class; they crash.
 */
export class TrailError extends Error {
  override readonly name = "TrailError";
  readonly code: TrailCode;

  constructor(code: TrailCode, sentence: string, options?: { cause?: unknown }) {
    super(sentence, options);
    this.code = code;
  }
}
