import type { WriteBatch } from "../trace-store/write/batch.ts";
import { NOTHING_WRITTEN, WriterClosed } from "../trace-store/write/batch.ts";
import { Lane } from "../trace-store/write/lane.ts";
import { aPart, anAdvance, spanRows } from "./support/span-rows.ts";

/** A lane before a store that takes `tookMs` for each write, by a clock that only this test moves on. */
function laneBefore(store: { tookMs: number }) {
  const batches: WriteBatch[] = [];
  let at = 0;
  const lane = new Lane({
    rowsMax: 1_000,
    now: () => at,
    async write(batch) {
      batches.push(batch);
      at += store.tookMs;
      return NOTHING_WRITTEN;
    },
  });
  const submit = (parts: number) =>
    Promise.all(
      Array.from({ length: parts }, (_, i) =>
        lane.submit(aPart(spanRows(100), { advance: anAdvance(i, i + 1) })),
      ),
    );
  const sizes = () => batches.map(({ parts }) => parts.reduce((sum, { rows }) => sum + rows.length, 0));
  return { submit, sizes, batches };
}

test("while writes are slow each is half the one before, and when they are quick again they grow back", async () => {
  const store = { tookMs: 2_001 };
  const { submit, sizes } = laneBefore(store);

  await submit(1 + 10 + 5 + 2 + 1);
  const slow = sizes();
  store.tookMs = 1_999;
  await submit(60);

  // The first takes what is there: an idle lane waits for nobody.
  expect(slow).toEqual([100, 500, 200, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100, 100]);
  expect(sizes().slice(slow.length)).toEqual([100, 100, 200, 300, 400, 500, 600, 700, 800, 900, 1_000, 400]);
});

test("parts keep their order, and a batch says whether others wait behind it", async () => {
  const { submit, batches } = laneBefore({ tookMs: 1 });

  await submit(14);

  const froms = batches.map(({ parts }) => parts.map(({ advance }) => Number(advance?.from)));
  expect(froms).toEqual([[0], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [11, 12, 13]]);
  expect(batches.map(({ isMoreWaiting }) => isMoreWaiting)).toEqual([false, true, false]);
});

test("a fault of the store's own is told to whoever handed the part over, and the lane goes on", async () => {
  const faults = [new TypeError("a bug"), new WriterClosed("closed")];
  const lane = new Lane({
    rowsMax: 1_000,
    async write() {
      const fault = faults.shift();
      if (fault !== undefined) throw fault;
      return NOTHING_WRITTEN;
    },
  });
  const submit = (at: number) => lane.submit(aPart(spanRows(1), { advance: anAdvance(at, at + 1) }));

  await expect(submit(0)).rejects.toThrow("a bug");
  expect(await submit(0)).toBe("stopped");
  expect(await submit(0)).toBe("stored");
});
