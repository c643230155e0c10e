// Goal: whatever a peer sends, the broker neither crashes nor hangs nor grows, closes nobody but the
// sender, and only with the code of its fault; everybody else goes on.
// Method: golden frames and conversations, damaged at random under a seed, sent to a live broker over memory
// links by peers that misbehave in between: they hang up, reconnect, do not read.
import { heapInUse } from "../helpers/heap.ts";
import { assert, assertEquals } from "@std/assert";
import type { LinkClose } from "../../src/link/link.ts";
import { decodePacket } from "../../src/protocol/packet_cbor.ts";
import { decodePacketJson } from "../../src/protocol/packet_json.ts";
import { ProtocolError } from "../../src/protocol/errors.ts";
import { BenchBroker, type Peer } from "../helpers/bench_broker.ts";
import { loadDialogues } from "../helpers/dialogues.ts";
import { settle } from "../helpers/manual_clock.ts";
import { countFromEnv, mutate } from "../helpers/mutate.ts";
import { SeededRandom } from "../helpers/seeded_random.ts";
import { hexToBytes, loadVectors } from "../helpers/vectors.ts";

/** A live broker takes longer over a frame than a decoder. */
const FRAMES = Math.ceil(countFromEnv("REMBUS_FUZZ_FRAMES", 100_000) / 10);
const SEED = countFromEnv("REMBUS_FUZZ_SEED", 1);
/** No frame may take longer, in milliseconds. */
const FRAME_MS_MAX = 100;
/** Peers that send damaged frames. */
const FUZZERS = 4;
/** Frames after which the others are looked at. */
const CHECK_EVERY = 100;
/** Frames between two looks at the heap, which take long. */
const SAMPLE_EVERY = CHECK_EVERY * Math.max(1, Math.floor(FRAMES / 20 / CHECK_EVERY));
/** How much more memory the broker may hold than before, in bytes: names and the like are remembered. */
const GROWTH_BYTES_MAX = 24 * 1024 * 1024;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

interface Golden {
  readonly bytes: Uint8Array;
  readonly isText: boolean;
}

async function goldenFrames(): Promise<Golden[]> {
  const vectors = loadVectors().frames.map(({ hex }) => ({
    bytes: hexToBytes(hex),
    isText: false,
  }));
  const { dialogues } = await loadDialogues();
  const spoken = dialogues.flatMap(({ events }) =>
    events.flatMap((event): Golden[] => {
      if (event.type === "binary") return [{ bytes: event.bytes, isText: false }];
      return event.type === "text" ? [{ bytes: encoder.encode(event.text), isText: true }] : [];
    })
  );
  return [...vectors, ...spoken];
}

/** The code that a frame must be answered with by closing; `null` when it is one of the protocol. */
function faultOf(frame: Uint8Array | string): number | null {
  try {
    if (typeof frame === "string") decodePacketJson(frame);
    else decodePacket(frame);
    return null;
  } catch (error) {
    if (error instanceof ProtocolError) return error.closeCode;
    throw error;
  }
}

/** Sends a frame; gives the time until the broker is done with it, in milliseconds. */
async function sendTimed(frame: Uint8Array | string, peer: Peer): Promise<number> {
  const startMs = performance.now();
  peer.link.send(frame);
  await settle();
  return performance.now() - startMs;
}

/** What the peer may be closed with after this frame. */
function assertAllowed(close: LinkClose, frame: Uint8Array | string): void {
  const fault = faultOf(frame);
  if (fault !== null) assertEquals(close.code, fault, String(frame));
  // A bad name, or one in use, is no fault of the frame.
  else assertEquals(close.code, 1008, String(frame));
}

/** Some peers that send damaged frames, one at a time, and meet each other in the broker. */
class Fuzzer {
  readonly #bench: BenchBroker;
  readonly #random: SeededRandom;
  readonly #golden: readonly Golden[];
  readonly #peers: Peer[];
  closes = 0;
  slowestMs = 0;

  constructor(bench: BenchBroker, random: SeededRandom, golden: readonly Golden[]) {
    this.#bench = bench;
    this.#random = random;
    this.#golden = golden;
    this.#peers = Array.from({ length: FUZZERS }, () => bench.peer());
  }

  /**
   * Sends a frame; gives the time that the broker took. On a loaded machine any turn may have had to wait: a
   * slow frame is sent again by other peers, and the fastest counts, since what really hangs is slow each time.
   */
  async #timeOf(frame: Uint8Array | string, peer: Peer): Promise<number> {
    let fastestMs = await sendTimed(frame, peer);
    for (let left = 2; left > 0 && fastestMs >= FRAME_MS_MAX; left--) {
      const other = this.#bench.peer();
      fastestMs = Math.min(fastestMs, await sendTimed(frame, other));
      other.link.terminate();
      await settle();
    }
    return fastestMs;
  }

  /** Sends one damaged frame. */
  async step(): Promise<void> {
    await this.#misbehave();
    const at = this.#random.below(FUZZERS);
    const peer = this.#connected(at);
    const frame = this.#frame();
    this.slowestMs = Math.max(this.slowestMs, await this.#timeOf(frame, peer));
    if (peer.close === null) {
      assertEquals(faultOf(frame), null, `not closed after ${String(frame)}`);
    } else {
      assertAllowed(peer.close, frame);
      this.closes++;
      this.#peers[at] = this.#bench.peer();
    }
    for (const other of this.#peers) {
      assertEquals(other.close, null, `another was closed by ${String(frame)}`);
      other.inbox.length = 0;
    }
  }

  #frame(): Uint8Array | string {
    const random = this.#random;
    const golden = random.pick(this.#golden);
    const isWhole = random.float() < 0.3;
    const bytes = isWhole
      ? golden.bytes
      : mutate(golden.bytes, { random, other: random.pick(this.#golden).bytes });
    return golden.isText ? decoder.decode(bytes) : bytes;
  }

  #connected(at: number): Peer {
    return this.#peers[at] ??= this.#bench.peer();
  }

  /** Hangs up, says goodbye, or lets time pass without an answer to anything. */
  async #misbehave(): Promise<void> {
    const chance = this.#random.float();
    const victim = this.#connected(this.#random.below(FUZZERS));
    if (chance < 0.005) victim.link.terminate();
    else if (chance < 0.01) victim.link.close(1000, "");
    else if (chance < 0.05) await this.#bench.clock.advance(this.#random.below(3_000));
    else return;
    await settle();
    for (const [at, peer] of this.#peers.entries()) {
      if (peer.close !== null) this.#peers[at] = this.#bench.peer();
    }
  }
}

Deno.test(`a live broker survives ${FRAMES} damaged frames, and serves the others all the time`, async () => {
  await using bench = new BenchBroker();
  const random = new SeededRandom(SEED);
  const fuzzer = new Fuzzer(bench, random, await goldenFrames());
  const witness = await bench.named("the/witness");
  await witness.subscribe("only/for/the/witness");
  const publisher = await bench.named("the/publisher");
  const heapBytes: number[] = [];
  for (let count = 1; count <= FRAMES; count++) {
    await fuzzer.step();
    // Whoever is asked whether it lives, answers.
    for (const peer of [witness, publisher]) await answerProbes(peer);
    if (count % CHECK_EVERY !== 0) continue;
    await bench.broker.handle.with({ qos: 2 }).publish("only/for/the/witness", count);
    await settle();
    const [delivery] = witness.takePublications();
    assertEquals(delivery?.data.args, [count]);
    if (delivery !== undefined) await witness.ack(delivery);
    const id = await publisher.call("rid");
    assertEquals(publisher.answerTo(id).data.value, "broker");
    assertEquals([witness.close, publisher.close], [null, null]);
    assert(bench.broker.sessionCount <= FUZZERS + 2, `${bench.broker.sessionCount} sessions`);
    witness.inbox.length = 0;
    assertEquals(bench.log.events.filter((event) => event.startsWith("error")), []);
    bench.log.events.length = 0; // else the log of the test would be what grows
    if (count % SAMPLE_EVERY === 0) heapBytes.push(heapInUse());
  }
  assert(fuzzer.closes > FRAMES / 20, `only ${fuzzer.closes} frames were refused`);
  assert(fuzzer.slowestMs < FRAME_MS_MAX, `a frame took ${fuzzer.slowestMs} ms`);
  const grown = growthOf(heapBytes);
  assert(grown < GROWTH_BYTES_MAX, `the heap has grown by ${grown} bytes`);
});

/** By how much what is in use has grown: the least of the last fifth, and of the first. */
function growthOf(samples: readonly number[]): number {
  const fifth = Math.ceil(samples.length / 5);
  return Math.min(...samples.slice(-fifth)) - Math.min(...samples.slice(0, fifth));
}

async function answerProbes(peer: Peer): Promise<void> {
  for (const packet of peer.inbox) {
    if (packet.type === "rpc") await peer.respond(packet.id, null);
  }
}
