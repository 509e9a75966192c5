const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

/** Spells a duration for people, with about three digits: `85 µs`, `2.1 ms`, `3.42 s`, `12 min 5 s`, `3 h 20 min`. */
export function spellDuration(ns: bigint): string {
  if (ns < 0n) return `-${spellDuration(-ns)}`;
  if (ns < 1_000n) return `${ns} ns`;
  if (ns < NS_PER_MS) return `${digits(ns, 1_000n)} µs`;
  if (ns < NS_PER_S) return `${digits(ns, NS_PER_MS)} ms`;
  if (ns < 60n * NS_PER_S) return `${digits(ns, NS_PER_S)} s`;
  const seconds = ns / NS_PER_S;
  if (seconds < 3_600n) return spellBoth(seconds / 60n, "min", seconds % 60n, "s");
  if (seconds < 86_400n) return spellBoth(seconds / 3_600n, "h", (seconds / 60n) % 60n, "min");
  return spellBoth(seconds / 86_400n, "d", (seconds / 3_600n) % 24n, "h");
}

function spellBoth(count: bigint, unit: string, rest: bigint, smallerUnit: string): string {
  return rest === 0n ? `${count} ${unit}` : `${count} ${unit} ${rest} ${smallerUnit}`;
}

function digits(ns: bigint, unitNs: bigint): string {
  const value = Number(ns) / Number(unitNs);
  if (value >= 100) return value.toFixed(0);
  return Number(value.toPrecision(3)).toString();
}

/** Reads RFC 3339 with up to nine digits of a second. */
export function unixNanoOf(moment: string): bigint {
  const [, digits = ""] = /\.(\d+)/.exec(moment) ?? [];
  const seconds = BigInt(Date.parse(moment.replace(/\.\d+/, ""))) / 1_000n;
  return seconds * NS_PER_S + BigInt(digits.padEnd(9, "0").slice(0, 9));
}

/** Spells a moment in this machine's time zone, to the millisecond and with the zone: `2026-11-21 08:31:04.120+01:00`. */
export function spellMoment(unixNano: bigint): string {
  const at = new Date(Number(unixNano / NS_PER_MS));
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${spellTimeOfDay(unixNano)}${spellZone(-at.getTimezoneOffset())}`;
}

function spellZone(minutesEast: number): string {
  if (minutesEast === 0) return "Z";
  const minutes = Math.abs(minutesEast);
  return `${minutesEast < 0 ? "-" : "+"}${two(Math.floor(minutes / 60))}:${two(minutes % 60)}`;
}

/** Spells a time of day in this machine's time zone, to the millisecond: `08:31:04.120`. */
export function spellTimeOfDay(unixNano: bigint): string {
  const at = new Date(Number(unixNano / NS_PER_MS));
  const time = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  return `${time}.${String(at.getMilliseconds()).padStart(3, "0")}`;
}

const two = (value: number): string => String(value).padStart(2, "0");
