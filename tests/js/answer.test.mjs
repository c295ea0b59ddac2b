// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { Answer, isAfter } from "../../static/widget/answer.js";

/**
 * The answer after `events`, each `[id, event, data]`.
 * @param {[string, string, unknown][]} events
 */
function after(events) {
  const answer = new Answer();
  for (const [id, event, data] of events) answer.apply({ id, event, data });
  return answer;
}

/** @type {[string, string, unknown][]} */
const HELLO = [
  ["1-1", "status", { stage: "searching" }],
  ["1-2", "message", { token: "Hel" }],
  ["1-3", "message", { token: "lo" }],
];

test("tokens join to the text, and the last id is the cursor", () => {
  const answer = after(HELLO);
  assert.equal(answer.text, "Hello");
  assert.equal(answer.cursor, "1-3");
});

test("a replay from anywhere adds nothing twice", () => {
  for (let start = 0; start < HELLO.length; start++) {
    assert.equal(after([...HELLO, ...HELLO.slice(start)]).text, "Hello");
  }
});

test("ids are compared as numbers, the attempt before the seq", () => {
  assert.ok(isAfter("1-0", ""));
  assert.ok(isAfter("1-10", "1-9"));
  assert.ok(isAfter("2-0", "1-99"));
  assert.ok(!isAfter("1-100", "2-0"));
  assert.ok(!isAfter("1-9", "1-9"));
});

test("what an overtaken producer still says is passed over", () => {
  const answer = after([...HELLO, ["2-1", "message", { token: "!" }], ["1-4", "message", { token: " old" }]]);
  assert.equal(answer.text, "Hello!");
});

test("a ping changes nothing, not even the cursor", () => {
  const answer = after([...HELLO, ["", "ping", {}]]);
  assert.deepEqual([answer.text, answer.cursor], ["Hello", "1-3"]);
});

test("the stage shows until the next token", () => {
  assert.equal(after(HELLO.slice(0, 1)).stage, "searching");
  assert.equal(after(HELLO).stage, "");
  assert.equal(after([...HELLO, ["2-1", "status", { stage: "continuing" }]]).stage, "continuing");
});

test("a rewind keeps the first UTF-16 units", () => {
  assert.equal(after([["1-1", "message", { token: "a🙂b" }], ["2-1", "rewind", { length: 3 }]]).text, "a🙂");
  assert.equal(after([...HELLO, ["2-1", "rewind", { length: 0 }], ["2-2", "message", { token: "Hi" }]]).text, "Hi");
  assert.equal(after([...HELLO, ["2-1", "rewind", { length: 99 }]]).text, "Hello");
});

test("done ends the answer, and nothing comes after it", () => {
  const answer = after([...HELLO, ["1-4", "done", { stop_reason: "max_tokens" }], ["1-5", "message", { token: "?" }]]);
  assert.deepEqual(answer.end, { event: "done", reason: "max_tokens" });
  assert.equal(answer.text, "Hello");
});

test("a failure keeps the text and says whether to try again", () => {
  const { text, end } = after([...HELLO, ["1-4", "failed", { code: "model_overloaded", message: "Sorry.", retryable: true }]]);
  assert.equal(text, "Hello");
  assert.deepEqual(end, { event: "failed", code: "model_overloaded", message: "Sorry.", retryable: true });
});

test("the grounds are the sources cited, or all where none is", () => {
  const sources = [1, 2].map((n) => ({ n, title: `Post ${n}`, url: `/posts/${n}` }));
  /** @type {[string, string, unknown][]} */
  const events = [["1-0", "sources", { sources }], ...HELLO];
  assert.deepEqual(after(events).grounds, sources);
  events.push(["1-4", "citation", { n: 2, quote: "lo" }]);
  assert.deepEqual(after(events).grounds, [sources[1]]);
  events.push(["2-1", "rewind", { length: 2 }]);
  assert.deepEqual(after(events).grounds, sources);
});

test("a citation says where in the text it stands, and a rewind takes back those behind it", () => {
  /** @type {[string, string, unknown][]} */
  const events = [...HELLO, ["1-4", "citation", { n: 2, quote: "lo" }]];
  assert.deepEqual(after(events).citations, [{ n: 2, at: 5 }]);
  const twice = after([...events, ["1-5", "citation", { n: 2, quote: "Hel" }], ["1-6", "citation", { n: 1 }]]);
  assert.deepEqual(twice.citations, [{ n: 2, at: 5 }, { n: 1, at: 5 }]);
  assert.deepEqual(after([...events, ["2-1", "rewind", { length: 4 }]]).citations, []);
});

test("whether an event was new is said", () => {
  const answer = after(HELLO);
  assert.equal(answer.apply({ id: "1-3", event: "message", data: { token: "lo" } }), false);
  assert.equal(answer.apply({ id: "", event: "ping", data: {} }), false);
  assert.equal(answer.apply({ id: "1-4", event: "message", data: { token: "!" } }), true);
});

test("data of another shape does no harm", () => {
  for (const data of [null, 7, "x", [], { token: 7 }, { sources: "x" }, { length: "x" }]) {
    for (const event of ["message", "status", "sources", "citation", "unheard-of"]) {
      assert.equal(after([...HELLO, ["1-4", event, data]]).text, "Hello");
    }
  }
});
