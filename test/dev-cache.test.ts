import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { cached } from "../dev/cache.ts";
import { freePorts } from "../dev/ports.ts";
import { waitUntil } from "../dev/wait.ts";
import { emptyDirectory, environment } from "./support/environment.ts";

// No process has it: Linux and macOS give out smaller ones.
const DEAD_PID = 2 ** 22 + 1;

test("an entry of the cache is made once, however many want it", async () => {
  environment({ KAFKA_TRAIL_CACHE: emptyDirectory() });
  let count = 0;
  const make = async (directory: string) => {
    count += 1;
    writeFileSync(join(directory, "it"), "made");
  };

  const paths = await Promise.all([
    cached("thing-1", make),
    cached("thing-1", make),
    cached("thing-1", make),
  ]);

  expect(count).toBe(1);
  expect(new Set(paths).size).toBe(1);
  expect(readFileSync(join(paths[0], "it"), "utf8")).toBe("made");
});

test("an entry that could not be made leaves nothing, and is made the next time", async () => {
  const cache = emptyDirectory();
  environment({ KAFKA_TRAIL_CACHE: cache });
  await expect(cached("thing-1", () => Promise.reject(new Error("no network")))).rejects.toThrow(
    "no network",
  );
  expect(readdirSync(cache)).toEqual([]);

  const path = await cached("thing-1", async (directory) => writeFileSync(join(directory, "it"), "made"));

  expect(readdirSync(path)).toEqual(["it"]);
});

test("whoever waits for another process is told", async () => {
  const cache = emptyDirectory();
  environment({ KAFKA_TRAIL_CACHE: cache });
  writeFileSync(join(cache, "thing-1.lock"), String(process.pid));
  const said: string[] = [];

  const waiting = cached(
    "thing-1",
    async () => undefined,
    (line) => said.push(line),
  );
  await waitUntil("A word of waiting", () => said.length > 0, { timeoutMs: 5_000 });
  mkdirSync(join(cache, "thing-1"));

  expect(await waiting).toBe(join(cache, "thing-1"));
  expect(said).toEqual([`Waiting for another process that makes ${join(cache, "thing-1")}`]);
});

test("a lock from before the machine was restarted is nobody's", async () => {
  const cache = emptyDirectory();
  environment({ KAFKA_TRAIL_CACHE: cache });
  writeFileSync(join(cache, "thing-1.lock"), String(process.pid));
  utimesSync(join(cache, "thing-1.lock"), 0, 0);

  const said: string[] = [];

  const path = await cached(
    "thing-1",
    async () => undefined,
    (line) => said.push(line),
  );

  expect(readdirSync(cache)).toEqual([basename(path)]);
  expect(said).toEqual([]);
});

test("what a dead process left half made is cleared away", async () => {
  const cache = emptyDirectory();
  environment({ KAFKA_TRAIL_CACHE: cache });
  writeFileSync(join(cache, "thing-1.lock"), String(DEAD_PID));
  writeFileSync(join(cache, `thing-1.${DEAD_PID}.making`), "half");

  await cached("thing-1", async () => undefined);

  expect(readdirSync(cache)).toEqual(["thing-1"]);
});

test("ports are different and free", async () => {
  const ports = await freePorts(50);

  expect(new Set(ports).size).toBe(50);
  expect(Math.max(...ports)).toBeLessThan(32_768);
});
