import { type ClientBase } from "pg";

const REFRESH_MS = 5_000;

/** Remembers which life of an app's topic was current when. The watcher writes it; without a watcher there is only the first. */
export class Incarnations {
  #lives = new Map<string, { incarnation: number; fromNs: bigint }[]>();
  #readAtMs = 0;

  async refresh(client: ClientBase): Promise<void> {
    if (Date.now() - this.#readAtMs < REFRESH_MS) return;
    const { rows } = await client.query<{ cluster: string; topic: string; incarnation: number; since: Date }>(
      `SELECT t.cluster, t.name AS topic, i.incarnation, i.first_seen_at AS since
       FROM trail_private.topic_incarnations i JOIN trail_private.topics t USING (topic_id)
       WHERE topic_id IN (SELECT topic_id FROM trail_private.topic_incarnations WHERE incarnation > 1)
       ORDER BY incarnation`,
    );
    this.#lives = new Map();
    for (const { cluster, topic, incarnation, since } of rows) {
      const lives = this.#lives.get(keyOf(cluster, topic)) ?? [];
      lives.push({ incarnation, fromNs: BigInt(since.getTime()) * 1_000_000n });
      this.#lives.set(keyOf(cluster, topic), lives);
    }
    this.#readAtMs = Date.now();
  }

  /** The life that was current at a time; the first one before any was seen. */
  at(cluster: string, topic: string, timeNs: bigint): number {
    if (this.#lives.size === 0) return 1;
    const lives = this.#lives.get(keyOf(cluster, topic));
    if (lives === undefined) return 1;
    return (lives.findLast(({ fromNs }) => fromNs <= timeNs) ?? lives[0])?.incarnation ?? 1;
  }
}

const keyOf = (cluster: string, topic: string): string => `${cluster}\0${topic}`;
