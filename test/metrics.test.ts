import { createRegistry, measureFreshness } from "../trace-store/metrics.ts";
import type { Freshness } from "../trace-store/query/answers.ts";

const watcher = { way: "poll" as const, sweptAt: null, problem: null };
const fresh: Freshness = {
  at: "2026-11-21T18:00:00.000000Z",
  holds: { from: null, to: null },
  indexedThrough: null,
  indexerDelayMs: 2_500,
  watchers: [
    { ...watcher, cluster: "eu", ageMs: 1_500 },
    { ...watcher, cluster: "us", ageMs: null },
  ],
};

async function scrape(freshness: () => Promise<Freshness>): Promise<string[]> {
  const registry = createRegistry("1.2.3");
  measureFreshness(registry, freshness);
  const lines = (await registry.metrics()).split("\n");
  return lines.filter((line) => /^kafka_trail_(indexer_delay|watcher)/.test(line));
}

test("how far the indexers are behind, and how old the last look is, can be alerted on", async () => {
  expect(await scrape(() => Promise.resolve(fresh))).toEqual([
    "kafka_trail_indexer_delay_seconds 2.5",
    'kafka_trail_watcher_look_age_seconds{cluster="eu"} 1.5',
  ]);
});

test.each([
  ["Postgres refuses", () => Promise.reject(new Error("away"))],
  ["Postgres does not answer", () => new Promise<Freshness>(() => undefined)],
  ["there is no watcher", () => Promise.resolve({ ...fresh, indexerDelayMs: null, watchers: [] })],
])(
  "where %s nothing is shown, rather than nought, and the other figures come all the same",
  async (_name, ask) => {
    expect(await scrape(ask)).toEqual([]);
  },
);
