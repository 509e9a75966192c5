import { readCommitRecord } from "../trace-store/watch/commit-record.ts";

/** OffsetCommitKey 1 and OffsetCommitValue as published for each version. */
function record(version: number): { key: Buffer; value: Buffer } {
  const text = (it: string) => Buffer.concat([int16(Buffer.byteLength(it)), Buffer.from(it)]);
  const int16 = (it: number) => ((buffer) => (buffer.writeInt16BE(it), buffer))(Buffer.alloc(2));
  const int32 = (it: number) => ((buffer) => (buffer.writeInt32BE(it), buffer))(Buffer.alloc(4));
  const int64 = (it: bigint) => ((buffer) => (buffer.writeBigInt64BE(it), buffer))(Buffer.alloc(8));
  const head = [int16(version), int64(4711n)];
  const bodies: Record<number, Buffer[]> = {
    0: [text("meta"), int64(1_700_000_000_000n)],
    1: [text("meta"), int64(1_700_000_000_000n), int64(1_800_000_000_000n)],
    2: [text("meta"), int64(1_700_000_000_000n)],
    3: [int32(-1), text("meta"), int64(1_700_000_000_000n)],
    4: [int32(7), Buffer.from([5]), Buffer.from("meta"), int64(1_700_000_000_000n), Buffer.from([0])],
  };
  return {
    key: Buffer.concat([int16(1), text("billing"), text("orders"), int32(3)]),
    value: Buffer.concat([...head, ...(bodies[version] ?? [])]),
  };
}

test.each([0, 1, 2, 3, 4])("a commit in version %i of the record is read with its time", (version) => {
  const { key, value } = record(version);

  expect(readCommitRecord(key, value, 5)).toEqual({
    groupId: "billing",
    topic: "orders",
    partition: 3,
    committed: 4711n,
    atMs: 1_700_000_000_000,
  });
});

test("a deleted offset is read as such, and what is no commit is left alone", () => {
  const { key, value } = record(4);

  expect(readCommitRecord(key, null, 5)).toMatchObject({ committed: null, atMs: 5 });
  expect(readCommitRecord(Buffer.from([0, 2, 0, 1, 65]), value, 5)).toBeUndefined();
  expect(readCommitRecord(key, value.subarray(0, 12), 5)).toBeUndefined();
  expect(readCommitRecord(key, Buffer.concat([Buffer.from([0, 9]), value]), 5)).toBeUndefined();
  expect(readCommitRecord(null, value, 5)).toBeUndefined();
});
