import type { Commit } from "../trace-store/watch/known.ts";
import { PastLogs } from "../trace-store/watch/past-logs.ts";

const logEndingAt = (logEnd: bigint) =>
  new Map([["orders", { logs: new Map([[0, { partition: 0, logStart: 0n, logEnd }]]) }]]);
const commitAt = (atMs: number): Commit => ({
  groupId: "late",
  topic: "orders",
  partition: 0,
  committed: 3n,
  atMs,
});

/** A look each 200 ms over 2 s, and each finds one message more. */
function lookedAt(): PastLogs {
  const past = new PastLogs();
  for (let i = 0; i < 10; i++) past.remember(logEndingAt(BigInt(i)), 1_000 + i * 200);
  return past;
}

test("a commit that is told some looks late is held against the log as it was when it was made", () => {
  const past = lookedAt();

  expect(past.before(commitAt(1_399))?.logEnd).toBe(1n);
  expect(past.before(commitAt(1_400))?.logEnd).toBe(2n);
  expect(past.before(commitAt(9_000))?.logEnd).toBe(9n);
});

test("a commit from before every look is held against the first of them", () => {
  expect(lookedAt().before(commitAt(10))?.logEnd).toBe(0n);
});

test("looks are kept for ten seconds, and the one before them, which says how that time began", () => {
  const past = lookedAt();

  past.remember(logEndingAt(100n), 11_500);

  expect(past.before(commitAt(1_500))?.logEnd).toBe(2n);
  expect(past.before(commitAt(1_000))?.logEnd).toBe(2n);
});

test("a topic made anew has no past, and neither has a partition that was not there", () => {
  const past = lookedAt();

  past.forget("orders");

  expect(past.before(commitAt(1_400))).toBeUndefined();
  expect(lookedAt().before({ ...commitAt(1_400), partition: 1 })).toBeUndefined();
});
