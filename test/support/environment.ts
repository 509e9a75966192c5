import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const undo: (() => unknown)[] = [];

afterEach(async () => {
  for (const restore of undo.splice(0).toReversed()) await restore();
});

/** Has something done after the test, whatever comes of it; the latest first. */
export const atTheEnd = (work: () => unknown): void => void undo.push(work);

/** Sets variables, or unsets them, until the end of the test. */
export function environment(values: Readonly<Record<string, string | undefined>>): void {
  for (const [name, value] of Object.entries(values)) {
    const before = process.env[name];
    atTheEnd(() => set(name, before));
    set(name, value);
  }
}

function set(name: string, value: string | undefined): void {
  if (value === undefined) delete process.env[name];
  else process.env[name] = value;
}

/** A directory that is gone after the test, and that Postgres's own user can enter as well. */
export function emptyDirectory(): string {
  const path = mkdtempSync(join(tmpdir(), "kafka-trail-test-"));
  chmodSync(path, 0o755);
  atTheEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
