import { readdirSync, readFileSync } from "node:fs";

/** CPU seconds that the processes of the road have used so far. Zeros where there is no /proc. */
export interface RoadCpu {
  readonly indexer: number;
  readonly postgres: number;
  readonly kafka: number;
  /** Everything on this machine, and what it could have used. */
  readonly busy: number;
  readonly all: number;
}

const TICKS_PER_SECOND = 100;

/** Reads the CPU time of one indexer, of every Postgres and every Java process, and of the whole machine. */
export function roadCpu(indexerPid: number): RoadCpu {
  const named = (name: string): number =>
    pids()
      .filter((pid) => read(`/proc/${pid}/comm`).trim() === name)
      .reduce((sum, pid) => sum + secondsOf(pid), 0);
  const machine = read("/proc/stat").split("\n", 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? [];
  const all = machine.slice(0, 8).reduce((sum, it) => sum + it, 0) / TICKS_PER_SECOND;
  const idle = ((machine[3] ?? 0) + (machine[4] ?? 0)) / TICKS_PER_SECOND;
  return {
    indexer: secondsOf(String(indexerPid)),
    postgres: named("postgres"),
    kafka: named("java"),
    busy: all - idle,
    all,
  };
}

/** What was used between two readings, in microseconds for each span, and the share of the machine that was busy. */
export function cpuPerSpan(before: RoadCpu, after: RoadCpu, spans: number): Record<string, number> {
  const us = (of: keyof RoadCpu): number => Number((((after[of] - before[of]) * 1e6) / spans).toFixed(1));
  return {
    indexerCpuUs: us("indexer"),
    postgresCpuUs: us("postgres"),
    kafkaCpuUs: us("kafka"),
    machineCpuUs: us("busy"),
    machineBusyShare: Number(((after.busy - before.busy) / (after.all - before.all)).toFixed(2)),
  };
}

const pids = (): string[] => {
  try {
    return readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
};

/** The 14th and 15th field of `/proc/<pid>/stat`; the name before them may hold spaces. */
function secondsOf(pid: string): number {
  const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) / TICKS_PER_SECOND;
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
