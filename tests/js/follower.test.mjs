// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff, Follower } from "../../static/widget/follower.js";

test("the pause doubles with each failure, up to a limit", () => {
  const pauses = Array.from({ length: 12 }, (_, failures) => backoff(failures, 1));
  assert.deepEqual(pauses.slice(0, 3), [400, 800, 1600]);
  assert.deepEqual(pauses.slice(-3), [15_000, 15_000, 15_000]);
});

test("the pause is spread over its second half", () => {
  for (const failures of [0, 3, 9]) {
    assert.equal(backoff(failures, 0), backoff(failures, 1) / 2);
    const pause = backoff(failures);
    assert.ok(pause >= backoff(failures, 0) && pause < backoff(failures, 1));
  }
});

test("a source that a browser revives after its end is closed again, and nothing is heard of it", (t) => {
  /** @type {Source[]} */
  const sources = [];
  class Source extends EventTarget {
    closed = 0;
    onopen = () => {};
    onerror = () => {};
    constructor() {
      super();
      sources.push(this);
    }
    close() {
      this.closed++;
    }
  }
  const globals = { EventSource: Source, addEventListener() {}, document: new EventTarget() };
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { configurable: true, value });
    t.after(() => (before ? Object.defineProperty(globalThis, name, before) : Reflect.deleteProperty(globalThis, name)));
  }
  /** @type {unknown[]} */
  const heard = [];
  const owner = { cursor: () => "", onevent: heard.push.bind(heard), onconnection: heard.push.bind(heard) };
  const follower = new Follower("http://blog.example/stream/x", owner);
  follower.open();
  const [source] = sources;
  source.onopen();
  assert.deepEqual(heard, ["open"]);
  follower.close();
  assert.equal(source.closed, 1);
  source.onopen();
  source.onerror();
  source.dispatchEvent(new MessageEvent("message"));
  assert.equal(source.closed, 4);
  assert.deepEqual(heard, ["open"]);
});
