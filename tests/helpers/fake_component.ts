import { component } from "../../src/client/component.ts";
import type { ComponentOptions } from "../../src/client/options.ts";
import type { Component } from "../../src/peer/api.ts";
import type { Contract } from "../../src/peer/contract.ts";
import { FakeBroker } from "./fake_broker.ts";
import { ManualClock } from "./manual_clock.ts";
import { SeededRandom } from "./seeded_random.ts";

/** A component over memory links to a broker that a test plays, under a clock that a test moves. */
export interface FakeSetUp extends AsyncDisposable {
  readonly broker: FakeBroker;
  readonly clock: ManualClock;
  readonly node: Component;
}

/** Starts a component; heartbeats are off unless the options say otherwise. */
export async function startFake(
  url = "me",
  { broker = new FakeBroker(), ...options }:
    & ComponentOptions<Contract>
    & { readonly broker?: FakeBroker } = {},
): Promise<FakeSetUp> {
  const clock = new ManualClock();
  const node = await component(url, {
    dial: broker.dial,
    clock,
    random: new SeededRandom(1),
    heartbeatMs: 0,
    ...options,
  });
  return {
    broker,
    clock,
    node,
    [Symbol.asyncDispose]: () => node.close(),
  };
}
