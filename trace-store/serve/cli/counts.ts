import { InvalidArgumentError } from "commander";

/** Makes a reader of whole numbers from 1 to `max`, for an option of the program. */
export function parseCount(max: number): (spelled: string) => number {
  return (spelled) => {
    const count = /^\d{1,9}$/.test(spelled) ? Number(spelled) : 0;
    if (count >= 1 && count <= max) return count;
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${max}.`);
  };
}
