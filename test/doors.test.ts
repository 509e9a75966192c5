import { doorsContract } from "./contracts/doors.ts";
import { databaseUrl } from "./support/services.ts";

doorsContract(databaseUrl);
