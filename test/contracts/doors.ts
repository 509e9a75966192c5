import type { FindAnswer, HopAnswer, MessageAnswer, NotFound } from "../../trace-store/query/answers.ts";
import type {
  CoverageAnswer,
  GroupsAnswer,
  UndeliveredAnswer,
} from "../../trace-store/query/list-answers.ts";
import { TrailError } from "../../trace-store/errors.ts";
import type { TestServer } from "../support/database.ts";
import { tellBrokerTruth } from "../support/broker-truth.ts";
import { openStore, runProgram, type TestStore } from "../support/doors.ts";
import { get } from "../support/http.ts";
import { orderTrail, type OrderTrail } from "../support/order-trail.ts";
import { sqlHops } from "../support/sql-door.ts";
import { sqlCoverage, sqlGroups, sqlUndelivered, sqlVerdicts } from "../support/sql-lists.ts";

/** With three questions about each and 18 more, the doors are asked 204. */
const ORDERS = 62;
const LOG_END = 1_000 + ORDERS;
const orders: readonly OrderTrail[] = Array.from({ length: ORDERS }, (_, i) =>
  orderTrail({ partition: i % 4, messageOffset: 1_000 + i, minutesAgo: 10 }),
);

/** What every door must agree on: the answer without the moment it was given, or why there is none. */
type Told = { readonly answer: unknown } | { readonly notFound: string } | { readonly badQuestion: string };

const OF_THE_MOMENT = new Set(["freshness", "behindMs", "etaMs"]);
const withoutMoment = (answer: unknown): unknown =>
  JSON.parse(JSON.stringify(answer, (key, value: unknown) => (OF_THE_MOMENT.has(key) ? "" : value)));

const toldNotFound = ({ sentence }: NotFound): Told => ({ notFound: sentence });

async function byFunction(ask: () => Promise<unknown>): Promise<Told> {
  try {
    const answer = (await ask()) as FindAnswer | { readonly found: true } | NotFound;
    if ("kind" in answer && answer.kind === "not_found") return toldNotFound(answer.notFound);
    if ("found" in answer && !answer.found) return toldNotFound(answer);
    return { answer: withoutMoment(answer) };
  } catch (error) {
    if (error instanceof TrailError && error.code === "TRAIL_BAD_QUESTION")
      return { badQuestion: error.message };
    throw error;
  }
}

const encoded = encodeURIComponent;
const placeOf = (place: string) => {
  const [topic = "", partition = "", messageOffset = ""] = place.split("/");
  return { topic, partition: Number(partition), messageOffset };
};

/** What every supported Postgres must answer, the same through every door. */
export function doorsContract(server: () => TestServer | undefined): void {
  let store: TestStore;
  beforeAll(async () => {
    store = await openStore(server());
    await store.take(orders.flatMap((it) => it.spans));
    for (const partition of [0, 1, 2, 3]) {
      const committed = { billing: 1_030, email: 1_010, inventory: LOG_END, legacy: LOG_END };
      await tellBrokerTruth(store.database, { topic: "orders", partition, logEnd: LOG_END, committed });
    }
    // Nothing settles, and no look at the broker grows old, between one door and the next, however slow the machine is.
    await store.database.pool.query(`
      UPDATE trail_private.group_positions SET committed_at = committed_at - interval '10 minutes';
      UPDATE trail_private.group_position_changes SET committed_at = committed_at - interval '10 minutes';
      UPDATE trail_private.watchers SET poll_ms = 3600000`);
  });

  afterAll(() => store.close());

  async function byHttp(path: string): Promise<Told> {
    const { status, body } = await get(store.http, path);
    if (status === 404) return { notFound: String(body["detail"]) };
    if (status === 400) return { badQuestion: String(body["detail"]) };
    return { answer: withoutMoment(body) };
  }

  async function byCli(argv: readonly string[]): Promise<Told> {
    const { code, stdout, stderr } = await runProgram(["-o", "json", ...argv], { url: store.http.url });
    const said = stderr.replace(/^kafka-trail: /, "").trimEnd();
    if (code === 3) return { notFound: said };
    if (code === 2) return { badQuestion: said };
    return { answer: withoutMoment(JSON.parse(stdout)) };
  }

  test("a trail is the same through the function, SQL, HTTP and the command line", async () => {
    for (const { traceId } of orders) {
      const told = await byFunction(() => store.query.trail(traceId));

      expect(await byHttp(`/api/v1/trails/${traceId}`)).toEqual(told);
      expect(await byCli(["show", traceId])).toEqual(told);
      expect({
        answer: { ...answerIn(told), hops: await sqlHops(store.database, "trail", [traceId]) },
      }).toEqual(told);
    }
  });

  test("a message is the same through the function, SQL, HTTP and the command line", async () => {
    for (const { place } of orders) {
      const { topic, partition, messageOffset } = placeOf(place);
      const told = await byFunction(() => store.query.message({ topic, partition, messageOffset }));
      const found = { answer: { kind: "message", message: answerIn(told) } };
      const hops = await sqlHops(store.database, "message", [topic, partition, messageOffset]);

      expect(await byHttp(`/api/v1/messages/${place}`)).toEqual(told);
      expect(await byHttp(`/api/v1/find?q=${encoded(place)}`)).toEqual(found);
      expect(await byCli(["find", place])).toEqual(found);
      expect({ answer: { ...answerIn(told), hops } }).toEqual(told);
      expect((answerIn(told) as MessageAnswer).groups).toMatchObject(
        await sqlVerdicts(store.database, [topic, partition, messageOffset]),
      );
    }
  });

  test("a key is the same through the function, SQL, HTTP and the command line", async () => {
    for (const { key } of orders) {
      const told = await byFunction(() => store.query.find(key));
      const { matches } = (told as { answer: { matches: { matches: { hop: HopAnswer }[] } } }).answer;

      expect(await byHttp(`/api/v1/find?q=${encoded(key)}`)).toEqual(told);
      expect(await byCli(["find", key])).toEqual(told);
      expect(matches.matches.map((it) => it.hop)).toEqual(
        (await sqlHops(store.database, "find", [key])).toReversed(),
      );
    }
  });

  test("what a group has not dealt with is the same through every door", async () => {
    for (const consumerGroup of ["billing", "email", "inventory", "legacy"]) {
      const question = { topic: "orders", consumerGroup, olderThanMs: 0 };
      const told = await byFunction(() => store.query.undelivered(question));
      const { messages } = answerIn(told) as UndeliveredAnswer;
      const cli = await byCli(["stuck", "--topic", "orders", "--group", consumerGroup, "--older-than", "0s"]);

      expect(
        await byHttp(`/api/v1/undelivered?topic=orders&consumerGroup=${consumerGroup}&olderThanMs=0`),
      ).toEqual(told);
      expect(messages).toMatchObject(await sqlUndelivered(store.database, "orders", consumerGroup));
      expect(cli).toEqual({ answer: messages.map((it) => ({ consumerGroup, ...it })) });
    }
  });

  test("where the groups stand, and what of a topic was seen, is the same through every door", async () => {
    const groups = await byFunction(() => store.query.groups({ topic: "orders" }));
    const coverage = await byFunction(() => store.query.coverage("orders"));

    expect(await byHttp("/api/v1/groups?topic=orders")).toEqual(groups);
    expect(await byCli(["groups", "--topic", "orders"])).toEqual(groups);
    expect((answerIn(groups) as GroupsAnswer).rows).toMatchObject(await sqlGroups(store.database, "orders"));
    expect(await byHttp("/api/v1/coverage?topic=orders")).toEqual(coverage);
    expect(await byCli(["coverage", "orders"])).toEqual(coverage);
    expect((answerIn(coverage) as CoverageAnswer).rows).toMatchObject(
      await sqlCoverage(store.database, "orders"),
    );
  });

  test("what is not in the store is said in the same words through every door", async () => {
    const unknown = [
      "4bf92f3577b34da6a3ce929d0e0e4736",
      "00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01",
      "orders/0/999999",
      "no-such-topic/0/1",
      "order-that-nobody-made",
      "Bestellung 47 für Jürgen",
      "https://example.com/orders/4bf92f3577b34da6a3ce929d0e0e4738",
    ];

    for (const id of unknown) {
      const told = await byFunction(() => store.query.find(id));

      expect(told).toHaveProperty("notFound");
      expect(await byHttp(`/api/v1/find?q=${encoded(id)}`)).toEqual(told);
      expect(await byCli(["find", id])).toEqual(told);
    }
  });

  test("what nobody can understand is said in the same words through every door", async () => {
    for (const id of ["4bf92f", "not a trace id", "0".repeat(31), "z".repeat(32), "orders/3/4711"]) {
      const told = await byFunction(() => store.query.trail(id));

      expect(told).toHaveProperty("badQuestion");
      expect(await byHttp(`/api/v1/trails/${encoded(id)}`)).toEqual(told);
      expect(await byCli(["show", id])).toEqual(told);
    }
  });
}

function answerIn(told: Told): object {
  if ("answer" in told) return told.answer as object;
  throw new Error(`Not answered: ${JSON.stringify(told)}`);
}
