import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";

/** Into so many turns each tracer's work is divided, of 0.05 to 0.5 s: long enough that what another's turn left cold is no part of it. */
const TURNS = 10;

/** What a round measures. */
export interface RoundWork {
  readonly workload: string;
  readonly sampling: string;
  readonly messages: number;
}

/**
 * Returns CPU microseconds a message of each tracer, each in a process of its own: what one of them patches, or leaves on
 * the heap, cannot cost the next.
 *
 * They take turns, so that whatever else the machine does falls on all of them alike. One after the other they did not: the
 * cost of the work without a tracer was 1.3 to 2.2 us within a few minutes on a shared machine, and the ratio of what was
 * left after it is taken off 0.22 to 0.38.
 */
export async function runInTurns<T extends string>(
  tracers: readonly T[],
  { workload, sampling, messages }: RoundWork,
): Promise<Record<T, number>> {
  const script = join(__dirname, "interceptor-round.js");
  const children = tracers.map((tracer) => fork(script, [tracer, workload, sampling]));
  try {
    // As much again goes first, for the compiler.
    for (const child of children) await ask(child, messages);
    const cpuUs = tracers.map(() => 0);
    for (let turn = 0; turn < TURNS; turn++) {
      for (const [i, child] of children.entries()) cpuUs[i]! += await ask<number>(child, messages / TURNS);
    }
    return Object.fromEntries(tracers.map((tracer, i) => [tracer, cpuUs[i]! / messages])) as Record<
      T,
      number
    >;
  } finally {
    for (const child of children) child.disconnect();
  }
}

/** Tells a forked process what to do, and returns its answer. */
export function ask<T>(child: ChildProcess, what: string | number): Promise<T> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(new Error("A tracer's process has ended; its stderr says why."));
    child.once("exit", fail);
    child.once("message", (answer) => {
      child.off("exit", fail);
      resolve(answer as T);
    });
    child.send(what);
  });
}
