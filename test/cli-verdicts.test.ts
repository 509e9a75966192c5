import type { MessageAnswer } from "../trace-store/query/answers.ts";
import { tellBrokerTruth } from "./support/broker-truth.ts";
import { openStore, runProgram, type TestStore } from "./support/doors.ts";
import { orderTrail } from "./support/order-trail.ts";

let store: TestStore;
const order = orderTrail();
const COMMITTED = { billing: 4_712, email: 4_500, inventory: 4_800 };

beforeAll(async () => {
  store = await openStore();
  await store.take(order.spans);
  await tellBrokerTruth(store.database, {
    topic: "orders",
    partition: 3,
    logEnd: 4_800,
    committed: COMMITTED,
  });
});

afterAll(() => store.close());

const run = (argv: readonly string[], given: { isTty?: boolean } = {}) =>
  runProgram(argv, { url: store.http.url, ...given });

test("a message shows every group's verdict with what it rests on, then its hops", async () => {
  const { code, stdout } = await run(["find", order.place], { isTty: true });

  expect(code).toBe(0);
  expect(stdout).toMatch(/^message orders\/3\/4711 +key order-/);
  expect(stdout).toMatch(/sent \d{4}-.* by checkout, appended after 2 ms\n/);
  expect(stdout).toMatch(/billing +DEAD_LETTERED +1 .*to orders\.dlq\/0\/4711/);
  expect(stdout).toMatch(/email +WAITING .*211 ahead/);
  expect(stdout).toMatch(/inventory +DELIVERED +1 +10 ms +40 ms/);
  expect(stdout).toMatch(/led to orders\.dlq\/0\/4711 by billing\n$/);
});

test("a group that nobody knows has nothing stuck, and that is not taken for good news", async () => {
  const { code, stderr, stdout } = await run(["stuck", "--group", "emial"]);

  expect(code).toBe(3);
  expect(stdout).toBe("");
  expect(stderr).toContain("No position of emial on any topic is known.");
});

test("what is stuck is one line for neighbours on a terminal, and one object for each on a pipe", async () => {
  const person = await run(["stuck", "--group", "email", "--older-than", "0s"], { isTty: true });
  const pipe = await run(["stuck", "--group", "email", "--older-than", "0s"]);

  expect(person.code).toBe(0);
  expect(person.stdout).toMatch(/email +orders\/3\/4500-4711 +212 +WAITING +the group has committed 4500\n/);
  expect(person.stdout).toMatch(
    /email +orders\/3\/4712-4799 +88 +WAITING .*no message is known at or behind it/,
  );
  expect(person.stderr).toContain("300 messages not delivered.");
  expect(pipe.stdout.trimEnd().split("\n")).toHaveLength(300);
  expect(JSON.parse(pipe.stdout.split("\n")[0] ?? "")).toMatchObject({
    consumerGroup: "email",
    messageOffset: "4500",
    verdict: "WAITING",
  });
});

test("a list that was cut says so, with the option that shows more", async () => {
  const { stderr } = await run(["stuck", "--group", "email", "--older-than", "0s", "--limit", "10"]);

  expect(stderr).toContain("10 messages not delivered.");
  expect(stderr).toContain("There are more of email on orders; see --limit.");
});

test("coverage is shown partition by partition, for producers and groups, and an unknown topic exits 3", async () => {
  const person = await run(["coverage", "orders"], { isTty: true });
  const pipe = await run(["coverage", "orders"]);
  const unknown = await run(["coverage", "no-such-topic"]);

  expect(person.code).toBe(0);
  expect(person.stdout).toMatch(/partition +told by +offsets/);
  expect(person.stdout).toMatch(/3 +\(producers\) +4800 /);
  expect(person.stdout).toMatch(/3 +inventory /);
  expect(
    pipe.stdout
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).consumerGroup),
  ).toEqual([null, "billing", "email", "inventory"]);
  expect(unknown.code).toBe(3);
  expect(unknown.stderr).toContain("The log of no-such-topic is not known");
});

test("a group without an attempt was not waited for, and says so by nothing", async () => {
  const { stdout } = await run(["find", order.place]);
  const { groups } = JSON.parse(stdout) as MessageAnswer;

  expect(groups).toContainEqual(expect.objectContaining({ consumerGroup: "email", waitedNs: null }));
  expect(groups).toContainEqual(
    expect.objectContaining({ consumerGroup: "inventory", waitedNs: "10000000" }),
  );
});

test("groups are shown partition by partition, and an unknown one exits 3", async () => {
  const known = await run(["groups", "--topic", "orders"], { isTty: true });
  const unknown = await run(["groups", "--group", "nobody"]);

  expect(known.stdout).toMatch(/email +Stable +1 +orders +3 +4500 +4800 +300/);
  expect(unknown).toMatchObject({ code: 3, stdout: "" });
  expect(unknown.stderr).toContain("No position of nobody on any topic is known.");
});

test("assert exits 0 for a delivered message and 6 for one that is not, with the verdicts", async () => {
  const delivered = await run(["assert", order.place, "--group", "inventory"]);
  const waiting = await run(["assert", order.place, "--group", "email", "--within", "1s"]);
  const both = await run([
    "assert",
    order.place,
    "--group",
    "email",
    "--group",
    "inventory",
    "--within",
    "0s",
  ]);

  expect(delivered).toMatchObject({ code: 0, stderr: "" });
  expect(JSON.parse(delivered.stdout)).toMatchObject({ consumerGroup: "inventory", verdict: "DELIVERED" });
  expect(waiting).toMatchObject({ code: 6, stderr: "Not delivered by email.\n" });
  expect(both.code).toBe(6);
  expect(both.stdout.trimEnd().split("\n")).toHaveLength(2);
});

test("assert does not wait for what can no longer come", async () => {
  const startedMs = performance.now();

  const { code, stderr } = await run(["assert", order.place, "--group", "billing", "--within", "60s"]);

  expect(code).toBe(6);
  expect(stderr).toContain("Not delivered by billing.");
  expect(performance.now() - startedMs).toBeLessThan(20_000);
});

test("assert sees a message that is sent and delivered while it waits", async () => {
  const late = orderTrail({ topic: "payments", partition: 0, messageOffset: 7 });

  const asserted = run(["assert", late.place, "--group", "inventory", "--within", "30s"]);
  await store.take(late.spans);
  await tellBrokerTruth(store.database, {
    topic: "payments",
    partition: 0,
    logEnd: 8,
    committed: { inventory: 8 },
  });

  expect(await asserted).toMatchObject({ code: 0, stderr: "" });
});

test("assert exits 3 for a message that never comes, and 2 for an id that stands for several", async () => {
  const never = await run(["assert", "orders/3/999999", "--group", "inventory", "--within", "1s"]);
  const several = await run(["assert", order.traceId, "--group", "inventory", "--within", "1s"]);
  const nobody = await run(["assert", order.place, "--group", "nobody", "--within", "0s"]);

  expect(never).toMatchObject({ code: 3, stdout: "" });
  expect(several.code).toBe(2);
  expect(several.stderr).toContain("stands for 2 messages");
  expect(nobody.code).toBe(6);
  expect(nobody.stderr).toContain("No consumer group nobody is known to read this topic.");
});
