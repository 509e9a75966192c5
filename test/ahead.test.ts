import { expect, test } from "@jest/globals";
import { Ahead } from "../trace-store/write/ahead.ts";

test("what was done ahead is not done again, and the rest is done when it is asked for", () => {
  const ahead = new Ahead();
  const done: string[] = [];
  const add = (name: string) => ahead.add(() => (done.push(name), name));
  const [first, second, third] = [add("first"), add("second"), add("third")];

  ahead.doOne();
  expect(done).toEqual(["first"]);

  expect(third()).toBe("third");
  ahead.doOne();
  ahead.doOne();
  expect([first(), second()]).toEqual(["first", "second"]);
  expect(done).toEqual(["first", "third", "second"]);
});

test("a fault of what was done ahead is its owner's alone", () => {
  const ahead = new Ahead();
  const broken = ahead.add(() => {
    throw new Error("broken");
  });

  expect(() => ahead.doOne()).not.toThrow();
  expect(broken).toThrow("broken");
});
