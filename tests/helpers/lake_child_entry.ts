// The lake process of tests: follows a log whose records follow from their offsets.
import { serveLake } from "../../src/lake/child.ts";
import { type MadeLog, MadeSource } from "./lake_source.ts";

await serveLake({ openSource: (info) => new MadeSource(info as MadeLog) });
