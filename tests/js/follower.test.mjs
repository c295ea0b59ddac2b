// @ts-check
import assert from "node:assert/strict";
import { test } from "node:test";

import { backoff } from "../../static/widget/follower.js";

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
