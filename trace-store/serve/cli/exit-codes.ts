import type { TrailCode } from "../../errors.ts";

/** What the program tells a script. A promise: numbers are never given a new meaning. */
export const EXIT = {
  found: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  auth: 4,
  unreachable: 5,
  notDelivered: 6,
} as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** The one table from a fault's code to the program's exit code. */
export const EXIT_OF_CODE: Readonly<Record<TrailCode, ExitCode>> = {
  TRAIL_CONFIG: EXIT.usage,
  TRAIL_BAD_QUESTION: EXIT.usage,
  TRAIL_NOT_FOUND: EXIT.notFound,
  TRAIL_AUTH: EXIT.auth,
  TRAIL_UNREACHABLE: EXIT.unreachable,
  TRAIL_SCHEMA_NEWER: EXIT.error,
  TRAIL_SCHEMA_MISSING: EXIT.error,
  TRAIL_QUERY: EXIT.error,
  TRAIL_DATABASE: EXIT.error,
  TRAIL_BROKER: EXIT.error,
  TRAIL_BUSY: EXIT.error,
};
