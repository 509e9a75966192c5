import { waitUntil } from "../dev/wait.ts";
import { runText } from "./support/program.ts";
import { receiveSpans } from "./support/span-receiver.ts";

type Receiver = Awaited<ReturnType<typeof receiveSpans>>;
let receiver: Receiver;
beforeEach(async () => void (receiver = await receiveSpans()));
afterEach(() => receiver.close());

/** An app that ends `spans` spans, then does `then`. Its spans wait a minute for others, so only a flush exports them. */
function app(then: string, { spans = 2_000, url = receiver.url, before = "", env = {} } = {}) {
  const program = `
    ${before}
    const { startExport } = require("kafka-trail/export");
    const { trace } = require("@opentelemetry/api");
    const handle = startExport({ serviceName: "app", endpoint: ${JSON.stringify(url)} });
    for (let i = 0; i < ${spans}; i++) trace.getTracer("t").startSpan("work").end();
    ${then}`;
  return runText(program, { env: { OTEL_BSP_SCHEDULE_DELAY: "60000", ...env } });
}

const STAY = `setInterval(() => {}, 1000); console.log("ready");`;

test("SIGTERM flushes, and ends the process by the signal as it would without us", async () => {
  const { child, says, ended } = app(STAY);
  await says("ready");

  child.kill("SIGTERM");
  const { code, signal } = await ended;

  expect({ code, signal }).toEqual({ code: null, signal: "SIGTERM" });
  expect(receiver.spans).toHaveLength(2_000);
});

test("an app that handles SIGTERM decides when and how it ends, and its last spans arrive too", async () => {
  const { child, says, ended } = app(
    `
    process.once("SIGTERM", () => setTimeout(() => {
      trace.getTracer("t").startSpan("last").end();
      setTimeout(() => process.exit(7), 1000);
    }, 200));
    ${STAY}`,
    { spans: 1_000 },
  );
  await says("ready");

  child.kill("SIGTERM");
  const { code, signal } = await ended;

  expect({ code, signal }).toEqual({ code: 7, signal: null });
  expect(receiver.named("work")).toHaveLength(1_000);
  expect(receiver.named("last")).toHaveLength(1);
});

test("a listener that was added before us with once still keeps the process alive", async () => {
  const { child, says, ended } = app(STAY, {
    before: `process.once("SIGTERM", () => setTimeout(() => process.exit(3), 500));`,
  });
  await says("ready");

  child.kill("SIGTERM");

  expect(await ended).toMatchObject({ code: 3, signal: null });
});

test("a second SIGTERM while flushing ends the process at once", async () => {
  receiver.answersAfterMs = 30_000;
  const { child, says, ended } = app(STAY);
  await says("ready");

  child.kill("SIGTERM");
  await waitUntil("The flush", () => receiver.requests > 0, { timeoutMs: 20_000 });
  const killedAt = Date.now();
  child.kill("SIGTERM");
  const { signal } = await ended;

  expect(signal).toBe("SIGTERM");
  expect(Date.now() - killedAt).toBeLessThan(10_000);
});

test("an app that comes to its natural end flushes first and keeps its exit code", async () => {
  const { ended } = app(`process.exitCode = 5;`);

  const { code } = await ended;

  expect(code).toBe(5);
  expect(receiver.spans).toHaveLength(2_000);
});

test("without a collector an app still comes to its natural end", async () => {
  const nobody = "http://127.0.0.1:1";

  const { code, tookMs } = await app("", { url: nobody }).ended;

  expect(code).toBe(0);
  expect(tookMs).toBeLessThan(15_000);
});

test.each([
  ["comes to its natural end", ""],
  ["is told to stop", "process.kill(process.pid, 'SIGTERM');"],
  ["calls process.exit", "process.exit();"],
])("spans that are lost when an app %s are counted on stderr", async (_name, then) => {
  const { stderr } = await app(then, { url: "http://127.0.0.1:1", spans: 3 }).ended;

  expect(stderr).toContain("3 spans were still waiting to be exported when the process ended.");
});

test("an app without a logger for OpenTelemetry hears that its collector is away, and why", async () => {
  const { child, ended, says } = app(`process.on("warning", () => console.log("heard")); ${STAY}`, {
    url: "http://127.0.0.1:1",
    env: { OTEL_BSP_SCHEDULE_DELAY: "1", OTEL_EXPORTER_OTLP_TIMEOUT: "500" },
  });
  await says("heard");

  child.kill("SIGKILL");

  const { stderr } = await ended;
  expect(stderr).toMatch(/exporting spans failed.*OTEL_EXPORTER_OTLP_ENDPOINT.*Seen: /);
});

test("a collector that never answers delays a natural end by the exporter's own timeout and no more", async () => {
  receiver.answersAfterMs = 60_000;
  const { ended } = app("", { env: { OTEL_EXPORTER_OTLP_TIMEOUT: "1500" } });

  const { code, tookMs } = await ended;

  expect(code).toBe(0);
  expect(tookMs).toBeGreaterThan(1_500);
  expect(tookMs).toBeLessThan(15_000);
});

test("shutdown flushes before an app calls process.exit", async () => {
  const { ended } = app(`handle.shutdown().then(() => process.exit(4));`);

  const { code } = await ended;

  expect(code).toBe(4);
  expect(receiver.spans).toHaveLength(2_000);
});
