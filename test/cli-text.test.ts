import { createPaint } from "../trace-store/serve/cli/page.ts";
import { writeTable } from "../trace-store/serve/cli/table.ts";
import { printable, safeJson } from "../trace-store/serve/cli/text.ts";
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

test("durations are spelled with the unit that people would use", () => {
  const spelled = [0n, 85_400n, 2_100_000n, 3_420_000_000n, 725_000_000_000n, -5_000_000n].map(spellDuration);

  expect(spelled).toEqual(["0 ns", "85.4 µs", "2.1 ms", "3.42 s", "12 min 5 s", "-5 ms"]);
});

test("a moment is spelled with its time zone", () => {
  const spelled = spellMoment(1_795_250_464_120_999_999n);

  expect(spelled).toMatch(/^2026-11-2\d \d\d:\d\d:04\.120(Z|[+-]\d\d:\d\d)$/);
  expect(unixNanoOf(spelled.replace(" ", "T"))).toBe(1_795_250_464_120_000_000n);
});
