import { Type, type Static, type TProperties, type TSchema } from "typebox";

/** The parameters of a question. A misspelt one is refused: what it asks for would be left out without a word. */
export const asked = <P extends TProperties>(parameters: P) =>
  Type.Object(parameters, { additionalProperties: false });

/** A value or `null`: what is not known is said to be not known. */
export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

/** A 64-bit number, which a JSON number cannot hold. */
export const decimal = (description?: string) =>
  Type.String({ pattern: "^-?[0-9]+$", ...(description && { description }) });

/** RFC 3339 in UTC with microseconds. */
export const moment = (description?: string) =>
  Type.String({ format: "date-time", ...(description && { description }) });

export const traceIdShape = () => Type.String({ pattern: "^[0-9a-f]{32}$" });
export const spanIdShape = () => Type.String({ pattern: "^[0-9a-f]{16}$" });

/** Points at a schema that the document names once. */
export const ref = <T extends TSchema>(name: string, _schema: T) =>
  Type.Unsafe<Static<T>>({ $ref: `${name}#` });

/** A list that nobody changes, as answers declare theirs. */
export const list = <T extends TSchema>(schema: T, description?: string) =>
  Type.Unsafe<readonly Static<T>[]>(Type.Array(schema, description === undefined ? {} : { description }));

/** `true` where a schema says exactly what the answer's type says; anything else does not compile. */
export type Same<S extends TSchema, A> = [Static<S>] extends [A]
  ? [A] extends [Static<S>]
    ? true
    : false
  : false;
