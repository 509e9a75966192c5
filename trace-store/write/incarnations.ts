import { type ClientBase } from "pg";

const REFRESH_MS = 5_000;

/** Remembers which life of an app's topic was current when. The watcher writes it; without a watcher there is only the first. */
export class Incarnations {
  #lives = new Map<string, { incarnation: number; fromMs: number }[]>();
  #readAtMs = 0;

  async refresh(client: ClientBase): Promise<void> {
    if (Date.now() - this.#readAtMs < REFRESH_MS) return;
    const { rows } = await client.query<{ cluster: string; topic: string; incarnation: number; since: Date }>(
      `SELECT t.cluster, t.name AS topic, i.incarnation, i.first_seen_at AS since
       FROM trail_private.topic_incarnations i JOIN trail_private.topics t USING (topic_id)
       WHERE topic_id IN (SELECT topic_id FROM trail_private.topic_incarnations WHERE incarnation > 1)
       ORDER BY incarnation`,
    );
    const { rows: watched } = await client.query<Watched>(
      "SELECT cluster, cluster_id FROM trail_private.watchers",
    );
    this.#lives = new Map();
    for (const { cluster, topic, incarnation, since } of rows) {
      for (const name of namesOf(cluster, watched)) {
        const lives = this.#lives.get(keyOf(name, topic)) ?? [];
        lives.push({ incarnation, fromMs: since.getTime() });
        this.#lives.set(keyOf(name, topic), lives);
      }
    }
    this.#readAtMs = Date.now();
  }

  /** The life that was current at a time; the first one before any was seen. */
  at(cluster: string, topic: string, timeMs: number): number {
    if (this.#lives.size === 0) return 1;
    const lives = this.#lives.get(keyOf(cluster, topic));
    if (lives === undefined) return 1;
    return (lives.findLast(({ fromMs }) => fromMs <= timeMs) ?? lives[0])?.incarnation ?? 1;
  }
}

interface Watched {
  readonly cluster: string;
  readonly cluster_id: string | null;
}

/** Spans may know the topic by the cluster's name, by its id, or without either: trail_private.names_of_cluster. */
function namesOf(cluster: string, watched: readonly Watched[]): Set<string> {
  const names = new Set([cluster]);
  for (const it of watched) if (it.cluster === cluster && it.cluster_id !== null) names.add(it.cluster_id);
  if (!watched.some((it) => it.cluster === "")) names.add("");
  return names;
}

const keyOf = (cluster: string, topic: string): string => `${cluster}\0${topic}`;
