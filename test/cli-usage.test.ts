import { readConfig } from "../trace-store/config.ts";
import { runProgram as run } from "./support/doors.ts";

// What is told of the command line itself, without a store.

test("help names every verb and every exit code, on stdout, and exits 0", async () => {
  const { code, stdout, stderr } = await run(["--help"]);

  expect(code).toBe(0);
  expect(stdout).toMatch(/find .*show .*up .*migrate /s);
  expect(stdout).toContain("6 found but not delivered");
  expect(stderr).toBe("");
});

test("the help of a verb tells the options that every verb has", async () => {
  const { stdout } = await run(["find", "--help"]);

  expect(stdout).toMatch(/--output <form>[^]*--url <url>/);
});

test("an unknown verb or option is a usage error with a suggestion, on stderr", async () => {
  const verb = await run(["shwo", "x"]);
  const option = await run(["show", "--outptu", "json", "x"]);

  expect(verb).toMatchObject({ code: 2, stdout: "" });
  expect(verb.stderr).toContain("Did you mean show?");
  expect(option).toMatchObject({ code: 2, stdout: "" });
  expect(option.stderr).toContain("Did you mean --output?");
});

test.each([
  [
    ["fnid", "orders/3/4711"],
    "kafka-trail: unknown command 'fnid'\n(Did you mean find?)\nSee kafka-trail --help",
  ],
  [["find"], "kafka-trail: missing required argument 'anything'\nSee kafka-trail find --help"],
  [["quarantine", "retry", "--al"], "(Did you mean --all?)\nSee kafka-trail quarantine retry --help"],
  [
    ["purge"],
    "kafka-trail: say what to forget: --key <key> or --trace <trace id>\nSee kafka-trail purge --help",
  ],
])("what cannot be meant exits 2 and says where help is: %j", async (argv, says) => {
  const { code, stderr } = await run(argv);

  expect(code).toBe(2);
  expect(stderr).toContain(says);
});

test("KAFKA_TRAIL_URL that is no address is a usage error", async () => {
  const { code, stderr } = await run(["find", "orders/3/4711"], { url: "localhost:8712" });

  expect(code).toBe(2);
  expect(stderr).toContain('KAFKA_TRAIL_URL is "localhost:8712"');
});

test.each(["x", "0", "1.5", "10001"])(
  "stuck --limit %s is a usage error that shows the bounds",
  async (limit) => {
    const { code, stderr } = await run(["stuck", "--limit", limit]);

    expect(code).toBe(2);
    expect(stderr).toContain("Expected a whole number from 1 to 10000.");
  },
);

test("up --help tells every setting that the configuration reads", async () => {
  const read = new Set<string>();
  readConfig(new Proxy({}, { get: (_target, name) => void read.add(String(name)) }));
  // What the questions read, and the development services.
  const others = ["KAFKA_TRAIL_URL", "KAFKA_TRAIL_TOKEN", "KAFKA_TRAIL_CACHE", "NO_COLOR"];

  const { code, stdout } = await run(["up", "--help"]);

  const told = [...stdout.matchAll(/^  ([A-Z][A-Z_]+) /gm)].map(([, name]) => name);
  expect(code).toBe(0);
  expect(new Set(told)).toEqual(new Set([...read].filter((it) => !others.includes(it))));
});
