import type { GroupVerdictAnswer } from "../trace-store/query/answers.ts";
import { createPaint } from "../trace-store/serve/cli/page.ts";
import { writeTable } from "../trace-store/serve/cli/table.ts";
import { printable, safeJson } from "../trace-store/serve/cli/text.ts";
import { writeVerdicts } from "../trace-store/serve/cli/views/verdicts.ts";
import { writeStuck, type Stuck } from "../trace-store/serve/cli/views/undelivered.ts";
import { spellDuration, spellMoment, unixNanoOf } from "../trace-store/serve/cli/times.ts";

const plain = { paint: createPaint(false), width: Number.POSITIVE_INFINITY };

test("text from the store cannot steer a terminal", () => {
  const hostile = "\u001b]0;x\u0007orders\u009b31m\u202e\r\n";

  expect(printable(hostile)).toBe("]0;xorders31m");
});

test("JSON for a terminal steers nothing and parses to the same value", () => {
  const hostile = { key: "\u001b[2J\u009b\u007f\u202e\u2028ok", list: ["a\nb"] };

  const spelled = safeJson(hostile, 2);

  expect(printable(spelled)).toBe(spelled.replaceAll("\n", ""));
  expect(JSON.parse(spelled)).toEqual(hostile);
});

test("a table aligns its columns, leaves out empty ones and ends no line in blanks", () => {
  const written = writeTable(
    [{ title: "service" }, { title: "group" }, { title: "took", align: "right" }, { title: "status" }],
    [
      ["checkout", "", "2 ms", "ok"],
      [{ text: "billing\u001b[2J", style: "bad" }, "", "12 min 5 s", ""],
    ],
    plain,
  );

  expect(written).toBe(
    ["service           took  status", "checkout          2 ms  ok", "billing[2J  12 min 5 s", ""].join("\n"),
  );
});

test("a last column that wraps goes on in its own lines, or below its row where the terminal is narrow", () => {
  const columns = [{ title: "group" }, { title: "why", wraps: true }];
  const rows = [
    ["billing", "the group has committed 23; inventory handled it"],
    ["email", "well"],
  ];
  const at = (width: number) => writeTable(columns, rows, { paint: createPaint(false), width }).split("\n");

  expect(at(40)).toEqual([
    "group    why",
    "billing  the group has committed 23;",
    "         inventory handled it",
    "email    well",
    "",
  ]);
  expect(at(36)).toEqual([
    "group",
    "billing",
    "    the group has committed 23;",
    "    inventory handled it",
    "email",
    "    well",
    "",
  ]);
});

test("where the last column goes below its rows, the one before it is still whole", () => {
  const columns = [{ title: "group" }, { title: "" }, { title: "why", wraps: true }];
  const rows = [["billing", "to orders.dlq/0/0, incomplete", "its dead letter was sent to orders.dlq/0/0"]];

  const written = writeTable(columns, rows, { paint: createPaint(false), width: 50 });

  expect(written.split("\n")).toEqual([
    "group",
    "billing  to orders.dlq/0/0, incomplete",
    "    its dead letter was sent to orders.dlq/0/0",
    "",
  ]);
});

const aStuck = (messageOffset: string, more: Partial<Stuck> = {}): Stuck => ({
  consumerGroup: "email",
  cluster: "",
  topic: "orders",
  partition: 0,
  messageOffset,
  verdict: "WAITING",
  why: "the group has committed 3",
  sentAt: null,
  messageKey: null,
  traceId: null,
  ...more,
});

test("messages that wait are one line, over offsets that hold none; those that failed only beside each other", () => {
  const failed = { verdict: "FAILED", why: "the last attempt failed" } as const;
  const written = writeStuck(
    [aStuck("3"), aStuck("5"), aStuck("7", failed), aStuck("8", failed), aStuck("10", failed), aStuck("11")],
    0n,
    { ...plain, width: 60 },
  );

  expect(written.split("\n")).toEqual([
    "group  topic/partition/offset  messages  verdict",
    "email  orders/0/3-5                   2  WAITING",
    "    the group has committed 3",
    "email  orders/0/7-8                   2  FAILED",
    "    the last attempt failed",
    "email  orders/0/10                    1  FAILED",
    "    the last attempt failed",
    "email  orders/0/11                    1  WAITING",
    "    the group has committed 3",
    "",
  ]);
});

test("when a message that waits will be reached is said where somebody reads", () => {
  const waiting: GroupVerdictAnswer = {
    consumerGroup: "email",
    verdict: "WAITING",
    why: "",
    forwardedTo: null,
    attempts: 0,
    failedAttempts: 0,
    startedAt: null,
    endedAt: null,
    waitedNs: null,
    workedNs: null,
    committed: "7",
    committedAt: null,
    aheadMessages: "3",
    behindMs: 5_000,
    etaMs: 452,
    flags: [],
    rewoundTo: null,
    rewoundAt: null,
    traceId: null,
    spanId: null,
  };

  const written = writeVerdicts([waiting, { ...waiting, flags: ["offline"] }], plain);

  expect(written).toContain("WAITING  3 ahead, in about 452 ms\n");
  expect(written).toContain("WAITING  3 ahead, offline\n");
});

test("durations are spelled with the unit that people would use", () => {
  const spelled = [0n, 85_400n, 2_100_000n, 3_420_000_000n, 725_000_000_000n, -5_000_000n].map(spellDuration);

  expect(spelled).toEqual(["0 ns", "85.4 µs", "2.1 ms", "3.42 s", "12 min 5 s", "-5 ms"]);
});

test("a moment is spelled with its time zone", () => {
  const spelled = spellMoment(1_795_250_464_120_999_999n);

  expect(spelled).toMatch(/^2026-11-2\d \d\d:\d\d:04\.120(Z|[+-]\d\d:\d\d)$/);
  expect(unixNanoOf(spelled.replace(" ", "T"))).toBe(1_795_250_464_120_000_000n);
});
