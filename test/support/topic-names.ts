import { randomBytes } from "node:crypto";

const run = () => process.env["TEST_RUN"] ?? "alone";

/** A topic name that no other test and no other run has. */
export const uniqueTopicName = (prefix: string): string =>
  `${prefix}-${run()}-${randomBytes(3).toString("hex")}`;

/** Those of the names that {@link uniqueTopicName} made during this run. */
export const topicsOfThisRun = (names: readonly string[]): string[] =>
  names.filter((name) => name.includes(`-${run()}-`));
