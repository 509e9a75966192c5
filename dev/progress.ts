/** Hears one plain line whenever something long begins or ends. */
export type Progress = (line: string) => void;

/** Says nothing. */
export const quiet: Progress = () => undefined;

/** Says when `work` begins and, with the seconds, when it is done. */
export async function timed<T>(onProgress: Progress, what: string, work: () => Promise<T>): Promise<T> {
  const startedAt = Date.now();
  onProgress(`${what} ...`);
  const result = await work();
  onProgress(`${what}: done in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`);
  return result;
}
