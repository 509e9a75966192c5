import { sharedAttributesContract } from "./contracts/shared-attributes.ts";
import { databaseUrl } from "./support/services.ts";

sharedAttributesContract(databaseUrl);
