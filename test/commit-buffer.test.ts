import { expect, test } from "@jest/globals";
import { CommitBuffer } from "../trace-store/watch/commit-buffer.ts";

const commit = (committed: bigint | null, groupId = "billing") => ({
  groupId,
  topic: "orders",
  partition: 0,
  committed,
  atMs: 0,
});

const added = (buffer: CommitBuffer, offsets: readonly (bigint | null)[]) => {
  for (const committed of offsets) buffer.add(commit(committed));
};

const taken = (buffer: CommitBuffer) => buffer.take().map(({ committed, first }) => [committed, first]);

test("of what lay in the topic before, the first and the last commit of a position are kept", () => {
  const buffer = new CommitBuffer();
  added(buffer, [3n, 9n, 5n]);
  buffer.live();

  expect(taken(buffer)).toEqual([[5n, 3n]]);
});

test("a group whose offset is gone begins anew, and one that is gone is not told of", () => {
  const buffer = new CommitBuffer();
  added(buffer, [3n, null, 7n, 8n]);
  buffer.add(commit(4n, "audit"));
  buffer.add(commit(null, "audit"));
  buffer.live();

  expect(taken(buffer)).toEqual([[8n, 7n]]);
});

test("of commits that grow between two writes the last is kept, with where they began", () => {
  const buffer = new CommitBuffer();
  buffer.live();
  added(buffer, [1n, 2n, 6n]);
  expect(taken(buffer)).toEqual([[6n, 1n]]);

  added(buffer, [7n]);
  expect(taken(buffer)).toEqual([[7n, undefined]]);
});

test("a rewind between two writes stays visible, and so does an offset that is gone", () => {
  const buffer = new CommitBuffer();
  buffer.live();
  added(buffer, [4n, 9n, 2n, 3n, null, 1n]);

  expect(taken(buffer)).toEqual([
    [9n, 4n],
    [3n, 2n],
    [null, undefined],
    [1n, undefined],
  ]);
});
