import { execFileSync } from "node:child_process";
import type { Child } from "../../dev/child.ts";

const MEBIBYTE_KIB = 1_024;
const SAMPLE_MS = 500;

/** Resident memory of one process now, MiB; 0 when it is gone. */
export function residentMib(pid: number): number {
  try {
    return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" })) / MEBIBYTE_KIB;
  } catch {
    return 0;
  }
}

/** Watches the largest resident memory that any of the processes has. */
export class MemoryWatch {
  #peakMib = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(processes: () => readonly Child[]) {
    this.#timer = setInterval(() => {
      for (const { pid } of processes()) this.#peakMib = Math.max(this.#peakMib, residentMib(pid));
    }, SAMPLE_MS);
  }

  /** Stops watching, and returns the peak. */
  stop(): number {
    clearInterval(this.#timer);
    return Math.round(this.#peakMib);
  }
}
