/** Addresses of the real Kafka of this run. */
export const kafkaBrokers = (): string[] => given("KAFKA_BROKERS").split(",");

/** A superuser's way into the real Postgres of this run. Make a database of your own there. */
export const databaseUrl = (): string => given("DATABASE_URL");

function given(name: string): string {
  const value = process.env[name];
  if (!value)
    throw new Error(`${name} is not set; test/support/start-services.ts sets it for the whole run.`);
  return value;
}
