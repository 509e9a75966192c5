import { ledgerContract } from "./contracts/ledger.ts";
import { databaseUrl } from "./support/services.ts";

ledgerContract(databaseUrl);
