export const ORDERS = "orders";
export const DEAD_LETTERS = "orders.dlq";
export const STOCK = "stock.updated";
export const TOPICS = [ORDERS, DEAD_LETTERS, STOCK] as const;

/** One order of the shop. */
export interface Order {
  readonly number: number;
  readonly amountCents: number;
}

/** Makes the message of an order; the same number makes the same message. */
export function orderMessage(number: number): { key: string; value: string } {
  const order: Order = { number, amountCents: 500 + ((number * 7_919) % 20_000) };
  return { key: `order-${number}`, value: JSON.stringify(order) };
}

/** The order in a message. */
export function readOrder(value: Buffer | null): Order {
  return JSON.parse(value?.toString() ?? "{}") as Order;
}

/** A card that is refused at first: billing throws, and tries again. */
export function isCardRefusedOnce(order: Order): boolean {
  return order.number % 10 === 3;
}

/** A card that is never accepted: billing gives the order to the dead letters. */
export function isCardStolen(order: Order): boolean {
  return order.number % 10 === 7;
}
