import { diag, DiagLogLevel, type Tracer } from "@opentelemetry/api";
import { findHarm } from "../gate/noharm.ts";
import { MUTANTS } from "../gate/support/noharm/mutants.ts";
import { traceKafka } from "../index.ts";
import { FakeKafka } from "./support/fake-kafka.ts";
import { tracing } from "./support/spans.ts";

const SEED = 20_260_101;

test("in 10,000 generated lives an app cannot tell a traced client from an untraced one", async () => {
  const { cases, harm } = await findHarm({ cases: 10_000, seed: SEED });

  expect(harm).toBeUndefined();
  expect(cases).toBe(10_000);
}, 300_000);

test.each(Object.keys(MUTANTS))("a tracer that %s is found out", async (mutant) => {
  const { harm } = await findHarm({ cases: 2_000, seed: SEED, mutant });

  expect(harm).toBeDefined();
});

test("after ten internal errors tracing stops, with one warning", async () => {
  const warn = jest.fn();
  const silent = () => {};
  diag.setLogger(
    { warn, error: silent, info: silent, debug: silent, verbose: silent },
    { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true },
  );
  const startSpan = jest.fn(() => {
    throw new Error("no more spans");
  });
  const tracer = { startSpan } as unknown as Tracer;
  const fake = new FakeKafka();
  const producer = traceKafka(fake.client, { ...tracing().options, tracer }).producer();

  for (let i = 0; i < 50; i++) await producer.send({ topic: "orders", messages: [{ value: "{}" }] });
  diag.disable();

  expect(fake.log).toHaveLength(50);
  expect(startSpan).toHaveBeenCalledTimes(10);
  expect(warn).toHaveBeenCalledTimes(1);
});
