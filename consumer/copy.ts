/**
 * Returns a copy of an object of the app's or the client's with some of its properties replaced: own properties as they
 * are (getters stay getters), the same prototype. The original is not touched, and may be frozen.
 */
export function copyWith<T extends object>(original: T, replaced: Partial<T>): T {
  const properties: PropertyDescriptorMap = Object.getOwnPropertyDescriptors(original);
  for (const [name, value] of Object.entries(replaced)) {
    properties[name] = { value: value as unknown, writable: true, enumerable: true, configurable: true };
  }
  return Object.create(Object.getPrototypeOf(original) as object | null, properties) as T;
}
