import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
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

/** The most that was ever resident, MiB: Linux counts it, so that nothing is missed between two looks. Elsewhere what is now. */
function peakMib(pid: number): number {
  try {
    const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
    return Number(kib ?? 0) / MEBIBYTE_KIB;
  } catch {
    return process.platform === "linux" ? 0 : residentMib(pid);
  }
}

/** Lets the peak of a process count from now on. */
export function forgetPeak(pid: number): void {
  // proc(5): 5 resets the peak resident set size to the current one.
  if (process.platform === "linux") writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

/** Watches the largest resident memory that any of the processes has. */
export class MemoryWatch {
  readonly #processes: () => readonly Child[];
  #peakMib = 0;
  readonly #timer: NodeJS.Timeout;

  constructor(processes: () => readonly Child[]) {
    this.#processes = processes;
    this.#timer = setInterval(() => this.#look(), SAMPLE_MS);
  }

  #look(): void {
    for (const { pid } of this.#processes()) this.#peakMib = Math.max(this.#peakMib, peakMib(pid));
  }

  /** Stops watching, and returns the peak. */
  stop(): number {
    clearInterval(this.#timer);
    this.#look();
    return Math.round(this.#peakMib);
  }
}
