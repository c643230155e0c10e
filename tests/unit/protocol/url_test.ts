import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { BASE_URL_DEFAULT, parseComponentUrl } from "../../../src/protocol/url.ts";

const GOOD: readonly (readonly [string, string, string | null])[] = [
  ["cli", "ws://127.0.0.1:8338", "cli"],
  ["/cli", "ws://127.0.0.1:8338", "cli"],
  ["a.b", "ws://127.0.0.1:8338", "a.b"],
  ["plant/meter", "ws://127.0.0.1:8338", "plant/meter"],
  ["", "ws://127.0.0.1:8338", null],
  ["__noname__", "ws://127.0.0.1:8338", null],
  ["ws://:8801/cli", "ws://127.0.0.1:8801", "cli"],
  ["ws:///cli", "ws://127.0.0.1:8338", "cli"],
  ["ws://host", "ws://host:8338", null],
  ["ws://host/", "ws://host:8338", null],
  ["ws://host/__noname__", "ws://host:8338", null],
  ["ws://host:9000/a/b.c", "ws://host:9000", "a/b.c"],
  ["ws://host:/cli", "ws://host:8338", "cli"],
  ["WS://HOST.Example/CLI", "ws://host.example:8338", "CLI"],
  ["ws://host/cli?a=/b#c", "ws://host:8338", "cli"],
  ["ws://host?a", "ws://host:8338", null],
  ["ws://host#/cli", "ws://host:8338", null],
  ["//host:1/cli", "ws://host:1", "cli"],
  ["ws://[::1]/cli", "ws://[::1]:8338", "cli"],
  ["ws://[::1]:9000", "ws://[::1]:9000", null],
  ["a@b", "ws://127.0.0.1:8338", "a@b"],
  // The ports that a URL parser takes for the default of the scheme must not be lost.
  ["ws://host:80/cli", "ws://host:80", "cli"],
  ["wss://host:443/cli", "wss://host:443", "cli"],
  // Both schemes have the port of the base (spec 1.2).
  ["wss://host/cli", "wss://host:443", "cli"],
];

for (const [url, origin, name] of GOOD) {
  Deno.test(`parseComponentUrl() reads ${url === "" ? "an empty text" : url}`, () => {
    assertEquals(parseComponentUrl(url), {
      dial: `${origin}/`,
      name,
      text: name === null ? origin : `${origin}/${name}`,
    });
  });
}

const BASES: readonly (readonly [string, string, string])[] = [
  ["ws://broker:9000", "cli", "ws://broker:9000/cli"],
  ["wss://broker:9000/ignored?x", "cli", "wss://broker:9000/cli"],
  ["wss://broker:80", "ws://other/cli", "ws://other:8338/cli"],
  ["wss://broker", "cli", "wss://broker:443/cli"],
  ["ws://broker:9000", "ws://:1/cli", "ws://broker:1/cli"],
  ["ws://broker:9000", "//other/cli", "ws://other:9000/cli"],
  ["ws://[::1]:9000", "", "ws://[::1]:9000"],
];

for (const [base, url, text] of BASES) {
  Deno.test(`parseComponentUrl() completes "${url}" from ${base}`, () => {
    assertEquals(parseComponentUrl(url, base).text, text);
  });
}

const BAD: readonly (readonly [string, string])[] = [
  ["localhost:8338", "for a host write ws://localhost:8338"],
  ["localhost:8338/cli", 'expected scheme ws or wss, got "localhost"'],
  ["http://host/cli", 'expected scheme ws or wss, got "http"'],
  ["mqtt://host/cli", "MQTT is not supported"],
  ["mqtts://host/cli", "MQTT is not supported"],
  ["repl://", "the broker itself has no address"],
  ["ws:cli", 'expected "//" after "ws:"'],
  ["://host", 'got ""'],
  [":8801/cli", 'got ""'],
  ["ws://host:0", "expected a port from 1 to 65535"],
  ["ws://host:65536", "expected a port from 1 to 65535"],
  ["ws://host:+80", "expected a port from 1 to 65535"],
  ["ws://::1/cli", "expected a port"],
  ["ws://[::1/cli", "expected a host"],
  ["ws://[::g]/cli", "expected a host"],
  ["ws://a b/cli", "expected a host"],
  ["ws://a\tb/cli", "expected a host"],
  ["ws://a\\b/cli", "expected a host"],
  ["ws://host/repl", 'other than "repl"'],
  ["ws://host/../cli", "no two dots"],
  ["ws://host/a/", "expected segments"],
  ["ws://host//a", "expected segments"],
  ["my name", "expected segments"],
  ["*", "expected segments"],
  ["a".repeat(256), "at most 255 bytes"],
];

for (const [url, problem] of BAD) {
  Deno.test(`parseComponentUrl() refuses ${JSON.stringify(url.slice(0, 40))} and says why`, () => {
    const { message } = assertThrows(() => parseComponentUrl(url), TypeError);
    assertStringIncludes(message, problem);
    assertStringIncludes(message, `Cannot use URL "${url}"`);
  });
}

Deno.test("parseComponentUrl() refuses user and password, and does not repeat them", () => {
  const { message } = assertThrows(() => parseComponentUrl("ws://me:secret@host/cli"), TypeError);
  assertStringIncludes(message, "no user and password");
  assert(!message.includes("secret") && !message.includes("me:"), message);
});

for (const base of ["broker", "localhost:8338", "http://broker", "", "ws://broker:x"]) {
  Deno.test(`parseComponentUrl() refuses the base URL "${base}"`, () => {
    assertThrows(() => parseComponentUrl("cli", base), TypeError, `Cannot use URL "${base}"`);
  });
}

Deno.test("BASE_URL_DEFAULT is what a base URL is read as", () => {
  assertEquals(parseComponentUrl("", BASE_URL_DEFAULT).text, BASE_URL_DEFAULT);
});
