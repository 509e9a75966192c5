import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { emptyLog, runToEnd, temporaryDirectory } from "../../dev/child.ts";
import { startKafkaCluster, type KafkaCluster } from "../../dev/kafka.ts";
import { findKafkaRuntime } from "../../dev/kafka-jars.ts";
import { quiet } from "../../dev/progress.ts";
import { openPipe } from "./pipe.ts";

/** A real broker with a door that asks for TLS and SASL, as most companies' brokers do. */
export interface SecureKafka {
  readonly cluster: KafkaCluster;
  /** Where TLS and SASL are asked for: PLAIN and SCRAM-SHA-512. */
  readonly address: string;
  /** PEM file of the authority that signed the broker's certificate. */
  readonly caFile: string;
  readonly user: { readonly username: string; readonly password: string };
  stop(): Promise<void>;
}

const STORE_PASSWORD = "kafka-trail";
const USER = { username: "trail", password: "trail-secret" };

/** Starts one broker with a certificate of its own, and a user that both mechanisms know. */
export async function startSecureKafka(): Promise<SecureKafka> {
  const runtime = await findKafkaRuntime(quiet);
  const directory = temporaryDirectory("secure-kafka");
  const path = (name: string) => join(directory.path, name);
  const run = (command: string, args: readonly string[]) =>
    runToEnd({ command, args: [...args], logFile: emptyLog(directory.path, "tools.log") });
  const keytool = join(dirname(runtime.java), "keytool");
  const store = ["-keystore", path("broker.p12"), "-storetype", "PKCS12", "-storepass", STORE_PASSWORD];
  const certificate = ["-keyalg", "EC", "-dname", "CN=broker", "-ext", "san=ip:127.0.0.1", "-validity", "2"];
  await run(keytool, ["-genkeypair", "-alias", "broker", ...certificate, ...store]);
  await run(keytool, ["-exportcert", "-rfc", "-alias", "broker", "-file", path("ca.pem"), ...store]);

  const login = "org.apache.kafka.common.security";
  const door = "listener.name.proxied";
  const cluster = await startKafkaCluster({
    brokers: 1,
    properties: {
      "listener.security.protocol.map":
        "INTERNAL:PLAINTEXT,CLIENT:PLAINTEXT,PROXIED:SASL_SSL,CONTROLLER:PLAINTEXT",
      [`${door}.ssl.keystore.type`]: "PKCS12",
      [`${door}.ssl.keystore.location`]: path("broker.p12"),
      [`${door}.ssl.keystore.password`]: STORE_PASSWORD,
      [`${door}.sasl.enabled.mechanisms`]: "PLAIN,SCRAM-SHA-512",
      [`${door}.plain.sasl.jaas.config`]: `${login}.plain.PlainLoginModule required user_${USER.username}="${USER.password}";`,
      [`${door}.scram-sha-512.sasl.jaas.config`]: `${login}.scram.ScramLoginModule required;`,
    },
  });
  const { proxied } = cluster.nodes[0] as KafkaCluster["nodes"][number];
  const pipe = await openPipe(proxied.listenPort, proxied.targetPort);
  const stop = async () => {
    await pipe.close();
    await cluster.stop();
    await directory.remove();
  };
  try {
    const tool = ["-cp", runtime.classPath, "kafka.admin.ConfigCommand"];
    const user = ["--entity-type", "users", "--entity-name", USER.username];
    const password = ["--add-config", `SCRAM-SHA-512=[password=${USER.password}]`];
    const broker = ["--bootstrap-server", cluster.brokers[0] ?? ""];
    await run(runtime.java, [...tool, ...broker, "--alter", ...user, ...password]);
  } catch (error) {
    const said = readFileSync(path("tools.log"), "utf8");
    await stop();
    throw new Error(`The user could not be made: ${said}`, { cause: error });
  }
  return { cluster, address: `127.0.0.1:${proxied.listenPort}`, caFile: path("ca.pem"), user: USER, stop };
}
