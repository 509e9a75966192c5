import fc from "fast-check";
import { planSlices } from "../trace-store/schema/slice-plan.ts";
import { slicesContract } from "./contracts/slices.ts";
import { databaseUrl } from "./support/services.ts";

slicesContract(databaseUrl);

test("whatever slices there are, those that are made overlap none, and cover now and ahead", () => {
  const aPlan = fc.record({
    now: fc.integer({ min: 1_000, max: 2_000 }).map((ms) => new Date(ms)),
    sliceMs: fc.integer({ min: 5, max: 70 }),
    aheadMs: fc.integer({ min: 0, max: 100 }),
    retentionMs: fc.integer({ min: 0, max: 400 }),
  });
  const wanted = fc.array(fc.integer({ min: 0, max: 2_500 }), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(aPlan, { maxLength: 5 }), wanted, (plans, wantedMs) => {
      let slices: { fromMs: number; toMs: number }[] = [];
      for (const plan of plans) {
        slices = [...slices, ...planSlices(slices, plan, wantedMs)].toSorted((a, b) => a.fromMs - b.fromMs);

        slices.slice(1).forEach((it, i) => expect(it.fromMs).toBeGreaterThanOrEqual(slices[i]?.toMs ?? 0));
        for (const ms of [plan.now.getTime(), plan.now.getTime() + plan.aheadMs]) {
          expect(slices.some(({ fromMs, toMs }) => fromMs <= ms && ms < toMs)).toBe(true);
        }
      }
    }),
  );
});
