import { newSubscription } from "./admin.ts";
import { WINDOW_MS } from "./limits.ts";
import { Progress, servedAtStart } from "./progress.ts";
import type { BrokerParts } from "./parts.ts";
import type { RememberedComponent } from "./state_store.ts";
import { isSpace } from "../protocol/topic.ts";

const NS_PER_MS = 1_000_000n;

/** Takes up what a broker remembers from before its start. */
export async function recall(parts: BrokerParts): Promise<void> {
  const { access, options: { state }, registry } = parts;
  const remembered = state?.remembered;
  for (const { topic, names } of remembered?.privateTopics ?? []) {
    access.topics.makePrivate(topic);
    for (const name of names) access.topics.authorize(name, topic);
  }
  for (const tenant of remembered?.tenants ?? []) access.tenants.put(tenant);
  for (const name of remembered?.admins ?? []) parts.admins.add(name);
  for (const component of remembered?.components ?? []) recallComponent(parts, component);
  await recallIds(parts);
  registry.recalled();
}

function recallComponent(
  { exposers, options, registry, subscriptions }: BrokerParts,
  { name, subscriptions: topics, services }: RememberedComponent,
): void {
  const twin = registry.recall(name);
  const last = (options.journal?.next ?? 1) - 1;
  for (const remembered of topics) {
    const { topic, msgFrom } = remembered;
    const progress = new Progress(servedAtStart(remembered, last), options.journal?.logId);
    const space = options.spaces && isSpace(topic);
    const subscription = newSubscription(twin, topic, space, progress);
    subscription.msgFrom = msgFrom;
    twin.subscriptions.set(topic, subscription);
    subscriptions.add(subscription);
  }
  for (const topic of services) {
    twin.services.add(topic);
    exposers.add(topic, twin);
  }
}

/** Reads the ids of the QoS 2 publications that may still be repeated (D12). */
async function recallIds({ options, registry }: BrokerParts): Promise<void> {
  const { clock, journal } = options;
  if (journal === null) return;
  const wallMs = Math.trunc(clock.wallMs());
  const timeNs = BigInt(Math.max(0, wallMs - WINDOW_MS)) * NS_PER_MS;
  for await (const { records } of journal.read({ from: { timeNs }, qos: 2 })) {
    const now = clock.now();
    for (const { kind, qos, id, isAnonymous, publisher, recvNs } of records) {
      if (kind !== "publication" || qos !== 2 || id === null || isAnonymous) continue;
      // The broker's own handle repeats nothing.
      if (publisher === options.name) continue;
      const ageMs = wallMs - Number(recvNs / NS_PER_MS);
      registry.recall(publisher).window.recall(id, now + WINDOW_MS - Math.max(0, ageMs), now);
    }
  }
}
