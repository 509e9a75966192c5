import { schemaContract } from "./contracts/schema.ts";
import { databaseUrl } from "./support/services.ts";

schemaContract(databaseUrl);
