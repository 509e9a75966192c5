import { setTimeout as pause } from "node:timers/promises";
import { collectDefaultMetrics, Counter, Gauge, Registry } from "prom-client";
import type { Indexer } from "./indexer.ts";
import type { Freshness } from "./query/answers.ts";

/** A Postgres that does not answer must not take the other figures of a scrape along. */
const ASKED_MS = 1_000;

/** What `/metrics` shows of this process; the HTTP door adds its own. */
export function createRegistry(version: string): Registry {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  new Gauge({
    name: "kafka_trail_build_info",
    help: "Always 1; the version is the label.",
    labelNames: ["version"],
    registers: [registry],
  }).set({ version }, 1);
  return registry;
}

/** Shows what an indexer has done and holds. Read from its own figures at each scrape. */
export function measureIndexer(registry: Registry, { writer, budget }: Indexer): void {
  const counter = (name: string, help: string, labelNames: readonly string[], read: (it: Counter) => void) =>
    new Counter({
      name: `kafka_trail_indexer_${name}`,
      help,
      labelNames: [...labelNames],
      registers: [registry],
      collect() {
        this.reset();
        read(this);
      },
    });
  counter("spans_total", "Spans by what became of them.", ["result"], (it) => {
    const { stored, duplicates, expired, quarantined } = writer.figures;
    for (const [result, count] of Object.entries({ stored, duplicates, expired, quarantined }))
      it.inc({ result }, count);
  });
  counter("fenced_total", "Parts that another indexer had already moved past.", [], (it) =>
    it.inc(writer.figures.fenced),
  );
  counter("writes_total", "Transactions committed.", [], (it) => it.inc(writer.figures.batches));
  counter("fallbacks_total", "Writes that met a span which was there already.", [], (it) =>
    it.inc(writer.figures.fallbacks),
  );
  counter("retries_total", "Writes tried again, by what the failure called for.", ["kind"], (it) => {
    for (const [kind, count] of Object.entries(writer.figures.retries)) it.inc({ kind }, count);
  });
  new Gauge({
    name: "kafka_trail_indexer_buffer_bytes",
    help: "Bytes between the sources and Postgres.",
    registers: [registry],
    collect() {
      this.set(budget.bytes);
    },
  });
  new Gauge({
    name: "kafka_trail_indexer_last_commit_timestamp_seconds",
    help: "When the last write was committed; 0 before the first.",
    registers: [registry],
    collect() {
      this.set(writer.figures.committedAtMs / 1_000);
    },
  });
}

/** Shows how fresh the answers are, to alert on. What nobody can tell has no value: `/readyz` and doctor say why. */
export function measureFreshness(registry: Registry, freshness: () => Promise<Freshness>): void {
  const ask = () =>
    Promise.race([freshness().catch(() => undefined), pause(ASKED_MS, undefined, { ref: false })]);
  new Gauge({
    name: "kafka_trail_indexer_delay_seconds",
    help: "How far the indexers are behind the span topic.",
    registers: [registry],
    async collect() {
      const delayMs = (await ask())?.indexerDelayMs ?? undefined;
      if (delayMs === undefined) this.remove();
      else this.set(delayMs / 1_000);
    },
  });
  new Gauge({
    name: "kafka_trail_watcher_look_age_seconds",
    help: "How long ago the broker was last looked at as a whole.",
    labelNames: ["cluster"],
    registers: [registry],
    async collect() {
      const watchers = (await ask())?.watchers ?? [];
      this.reset();
      for (const { cluster, ageMs } of watchers) if (ageMs !== null) this.set({ cluster }, ageMs / 1_000);
    },
  });
}
