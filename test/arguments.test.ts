import { ArgumentFault, readArguments } from "../dev/arguments.ts";

const KILL9 = { name: "kill9", options: { only: "text" } } as const;
const LOOKUP = { name: "lookup", options: { spans: "count", seed: "seed", keep: "flag" } } as const;
const read = (...argv: string[]) => readArguments(argv, [{ name: "bare" }, KILL9, LOOKUP]);

test("an option's value follows it, after a space or an equals sign, before the name or behind it", () => {
  const expected = { chosen: LOOKUP, options: { short: true, args: { short: "true", spans: "2000000" } } };

  expect(read("lookup", "--short", "--spans", "2e6")).toEqual(expected);
  expect(read("lookup", "--short", "--spans=2e6")).toEqual(expected);
  expect(read("--spans", "2000000", "--short", "lookup")).toEqual(expected);
  expect(read("lookup", "--seed=0", "--keep").options.args).toEqual({ seed: "0", keep: "true" });
  expect(read("kill9", "--only", "bare").options.args).toEqual({ only: "bare" });
});

test.each([
  [[], "No name is given"],
  [["lokup"], 'There is no "lokup"'],
  [["lookup", "--round=2"], "Unknown option '--round'"],
  [["kill9", "--spans", "5"], "Unknown option '--spans'"],
  [["bare", "--spans=5"], "Unknown option '--spans'"],
  [["bare", "--short=yes"], "Option '--short' does not take an argument"],
  [["lookup", "--spans"], "Option '--spans <value>' argument missing"],
  [["lookup", "--spans", "--short"], "Option '--spans' argument is ambiguous"],
  [["lookup", "--spans=many"], '--spans is "many"; expected a whole number from 1, as in 2000000 or 2e6'],
  [["lookup", "--spans="], '--spans is ""; expected a whole number from 1, as in 2000000 or 2e6'],
  [["lookup", "--spans=0"], '--spans is "0"; expected a whole number from 1, as in 2000000 or 2e6'],
  [["lookup", "--seed=-1"], '--seed is "-1"; expected a whole number from 0, as in 2000000 or 2e6'],
  [["lookup", "--spans=1.5"], '--spans is "1.5"; expected a whole number from 1, as in 2000000 or 2e6'],
  [["lookup", "--keep", "true"], '"true" is neither an option nor the value of one'],
  [["lookup", "kill9"], "neither an option nor the value of one"],
])("what cannot be meant is refused: %j", (argv, says) => {
  expect(() => read(...argv)).toThrow(ArgumentFault);
  expect(() => read(...argv)).toThrow(says);
});
