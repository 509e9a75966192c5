import type { Commit } from "./known.ts";

/**
 * Keeps commits between two writes. Of what lay in the topic before, only the first and the last of each position;
 * afterwards, of each run of growing commits of a position, so that where a group began and every rewind stay visible.
 */
export class CommitBuffer {
  #isLive = false;
  readonly #last = new Map<string, Commit>();
  #commits: (Commit | undefined)[] = [];
  readonly #at = new Map<string, number>();

  /** In the order of the topic. */
  add(commit: Commit): void {
    const key = `${commit.groupId}\0${commit.topic}\0${commit.partition}`;
    if (!this.#isLive) {
      const first = this.#last.get(key)?.first ?? commit.committed ?? undefined;
      // Deleted and begun again is another beginning.
      const isBegun = commit.committed !== null && first !== undefined;
      this.#last.set(key, isBegun ? { ...commit, first } : commit);
      return;
    }
    const at = this.#at.get(key);
    const was = at === undefined ? undefined : this.#commits[at];
    const before = was?.committed ?? undefined;
    const isGrowth = before !== undefined && commit.committed !== null && commit.committed >= before;
    if (isGrowth && at !== undefined) this.#commits[at] = undefined;
    const kept = isGrowth ? { ...commit, first: was?.first ?? before } : commit;
    this.#at.set(key, this.#commits.push(kept) - 1);
  }

  /** What comes from now on was not in the topic before. */
  live(): void {
    this.#isLive = true;
    this.#commits = [...this.#last.values()].filter(({ committed }) => committed !== null);
    this.#last.clear();
  }

  /** Commits since the last call, in order; none before `live`. */
  take(): Commit[] {
    const taken = this.#commits.filter((it) => it !== undefined);
    this.#commits = [];
    this.#at.clear();
    return taken;
  }
}
