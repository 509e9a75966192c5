import { type ClientBase } from "pg";
import type { ResourceRow } from "../span/span-row.ts";
import { isRowPoison } from "./sqlstate.ts";

/** A name that needs an id. */
interface Wanted {
  readonly cluster: string;
  /** As it can be stored: see {@link storable}. */
  readonly stored: string;
  readonly attributes: string | null;
}

/** How one dictionary table is asked and filled. Parameters: clusters, names, attributes, one element each per wanted name. */
interface DictionaryTable {
  readonly table: string;
  /** With `isOld`: nobody has asked for it for a day. */
  readonly select: string;
  readonly insert: string;
  /** Of the ids given, says that they were asked for, and returns those that are still there. `null`: names are kept for ever. */
  readonly touch: string | null;
}

const IS_OLD = `seen_at < now() - interval '1 day' AS "isOld"`;
const touch = (table: string, id: string): string =>
  `UPDATE trail_private.${table} SET seen_at = now() WHERE ${id} = ANY ($1::int[]) RETURNING ${id} AS id`;

/** A table of names alone. */
export function named(table: string, id: string): DictionaryTable {
  return {
    table,
    select: `SELECT ${id} AS id, '' AS cluster, name, ${IS_OLD} FROM trail_private.${table}
             WHERE name = ANY ($2::text[]) AND cardinality($1::text[]) + cardinality($3::text[]) >= 0`,
    insert: `INSERT INTO trail_private.${table} (name)
             SELECT name FROM unnest($1::text[], $2::text[], $3::text[]) AS w (cluster, name, attributes)
             ORDER BY name ON CONFLICT DO NOTHING`,
    touch: touch(table, id),
  };
}

/** A table of names, each of one Kafka cluster. */
export function clustered(table: string, id: string): DictionaryTable {
  return {
    table,
    select: `SELECT d.${id} AS id, d.cluster, d.name, false AS "isOld" FROM trail_private.${table} d
             JOIN unnest($1::text[], $2::text[], $3::text[]) AS w (cluster, name, attributes)
               ON d.cluster = w.cluster AND d.name = w.name`,
    insert: `INSERT INTO trail_private.${table} (cluster, name)
             SELECT cluster, name FROM unnest($1::text[], $2::text[], $3::text[]) AS w (cluster, name, attributes)
             ORDER BY cluster, name ON CONFLICT DO NOTHING`,
    touch: null,
  };
}

/** A table of {@link ResourceRow}s, known by their hash in hex. */
export function hashed(table: string, id: string): DictionaryTable {
  return {
    table,
    select: `SELECT ${id} AS id, '' AS cluster, encode(hash, 'hex') AS name, ${IS_OLD} FROM trail_private.${table}
             WHERE hash IN (SELECT decode(name, 'hex') FROM unnest($1::text[], $2::text[], $3::text[]) AS w (cluster, name, attributes))`,
    insert: `INSERT INTO trail_private.${table} (hash, attributes, detail)
             SELECT decode(name, 'hex'), (attributes::json -> 0)::jsonb, (attributes::json -> 1)::jsonb FROM unnest($1::text[], $2::text[], $3::text[]) AS w (cluster, name, attributes)
             ORDER BY 1 ON CONFLICT DO NOTHING`,
    touch: touch(table, id),
  };
}

/** Longest name stored, in characters: a longer one would not fit a row of the SQL index that keeps names unique. */
const NAME_LENGTH_MAX = 512;
/** Names that found no room are asked for again after this long: the cap may have been raised, or rows deleted. */
const BEYOND_CAP_MS = 60_000;
const BEYOND_CAP_NAMES_MAX = 10_000;
/** After this long everything is asked for again, which says that it is in use: much less than the day after which that is doubted. */
const REMEMBERED_MS = 600_000;

/** One dictionary table and what we remember of it. */
export class Dictionary {
  readonly #table: DictionaryTable;
  readonly #cap: number;
  readonly #ids = new Map<string, Map<string, number>>();
  /** Those of the cluster without a name: nearly all, and each span asks eight times. */
  #plain: ReadonlyMap<string, number> | undefined;
  #beyondCap = 0;
  #beyondCapSinceMs = 0;
  #rememberedSinceMs = 0;
  #wanted = new Map<string, Map<string, string | null>>();

  constructor(table: DictionaryTable, cap: number) {
    this.#table = table;
    this.#cap = cap;
  }

  /** True when some name has no id and stands in its span's own detail. */
  get isFull(): boolean {
    return this.#beyondCap > 0;
  }

  /** The id of a name; 0 when it found no room, or Postgres refused it. */
  idOf(name: string, cluster = ""): number {
    return (cluster === "" ? this.#plain : this.#ids.get(cluster))?.get(name) ?? 0;
  }

  /** Forgets, from time to time, which names found no room, and now and then everything. To be called between two batches. */
  expire(): void {
    const nowMs = Date.now();
    const isDue =
      nowMs - this.#rememberedSinceMs > REMEMBERED_MS ||
      (this.#beyondCap > 0 &&
        (nowMs - this.#beyondCapSinceMs > BEYOND_CAP_MS || this.#beyondCap > BEYOND_CAP_NAMES_MAX));
    if (isDue) this.forget();
  }

  /** Notes that `name` needs an id, unless it is remembered. */
  want(name: string, cluster = "", resource: ResourceRow | null = null): void {
    if ((cluster === "" ? this.#plain : this.#ids.get(cluster))?.has(name)) return;
    const wanted = this.#wanted.get(cluster) ?? new Map<string, string | null>();
    this.#wanted.set(cluster, wanted);
    if (!wanted.has(name)) wanted.set(name, resource && spelled(resource));
  }

  forget(): void {
    this.#ids.clear();
    this.#plain = undefined;
    this.#rememberedSinceMs = Date.now();
    this.#beyondCap = 0;
  }

  /** Looks up what is wanted and gives ids to what has none, in short transactions of their own. */
  async fetchWanted(client: ClientBase): Promise<void> {
    if (this.#wanted.size === 0) return;
    const asked = this.#wanted;
    this.#wanted = new Map();
    const wanted = [...asked].flatMap(([cluster, names]) =>
      [...names].map(([name, attributes]) => ({ cluster, stored: storable(name), attributes })),
    );
    const ids = await this.#select(client, wanted);
    const isMissing = (it: Wanted): boolean => !ids.has(keyOf(it.cluster, it.stored));
    if (wanted.some(isMissing)) {
      await this.#insert(client, wanted.filter(isMissing));
      for (const [key, id] of await this.#select(client, wanted.filter(isMissing))) ids.set(key, id);
    }
    for (const [cluster, names] of asked) {
      for (const name of names.keys())
        this.#remember(cluster, name, ids.get(keyOf(cluster, storable(name))) ?? 0);
    }
  }

  #remember(cluster: string, name: string, id: number): void {
    const names = this.#ids.get(cluster) ?? new Map<string, number>();
    this.#ids.set(cluster, names);
    if (cluster === "") this.#plain = names;
    names.set(name, id);
    if (id !== 0) return;
    if (this.#beyondCap === 0) this.#beyondCapSinceMs = Date.now();
    this.#beyondCap += 1;
  }

  async #select(client: ClientBase, wanted: readonly Wanted[]): Promise<Map<string, number>> {
    const { rows } = await client.query<{ id: number; cluster: string; name: string; isOld: boolean }>(
      this.#table.select,
      parametersOf(wanted),
    );
    const gone = await this.#touch(
      client,
      rows.filter(({ isOld }) => isOld).map(({ id }) => id),
    );
    return new Map(
      rows.filter(({ id }) => !gone.has(id)).map(({ id, cluster, name }) => [keyOf(cluster, name), id]),
    );
  }

  /** Of names that were not asked for for long, one may be dropped between our look and this: it is given a new id. */
  async #touch(client: ClientBase, ids: readonly number[]): Promise<ReadonlySet<number>> {
    const gone = new Set(ids);
    if (ids.length === 0 || this.#table.touch === null) return new Set();
    const { rows } = await client.query<{ id: number }>(this.#table.touch, [ids]);
    for (const { id } of rows) gone.delete(id);
    return gone;
  }

  async #insert(client: ClientBase, missing: readonly Wanted[]): Promise<void> {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM trail_private.${this.#table.table}`,
    );
    const fitting = missing.slice(0, Math.max(0, this.#cap - (rows[0]?.count ?? 0)));
    if (fitting.length === 0) return;
    try {
      await client.query(this.#table.insert, parametersOf(fitting));
    } catch (fault) {
      if (!isRowPoison(fault)) throw fault;
      // One of them cannot be stored. Alone, it is left without an id, goes inline, and its span meets the bisection.
      if (fitting.length > 1) for (const one of fitting) await this.#insert(client, [one]);
    }
  }
}

/** As a JSON array of attributes and, where there is one, detail. */
const spelled = ({ attributes, detail }: ResourceRow): string =>
  `[${attributes.toString()}${detail === null ? "" : `,${detail.toString()}`}]`;

const keyOf = (cluster: string, name: string): string => `${cluster}\0${name}`;

function parametersOf(wanted: readonly Wanted[]): unknown[] {
  return [wanted.map((it) => it.cluster), wanted.map((it) => it.stored), wanted.map((it) => it.attributes)];
}

/** The form in which Postgres takes a name: no NUL, no half of a surrogate pair, not too long. */
function storable(name: string): string {
  return Buffer.from(name.slice(0, NAME_LENGTH_MAX)).toString().replaceAll("\0", "\u{fffd}");
}
