import assert from "node:assert/strict";
import { test } from "node:test";

import { makeAsking } from "../../labeling/widget/asking.js";
import { weighted } from "../../labeling/widget/text.js";

function desk() {
  const made = { sent: [], told: [], due: null, now: 0, keys: 0 };
  made.asking = makeAsking({
    send: (question) => made.sent.push(question),
    told: (reply) => made.told.push(reply),
    newKey: () => `q${(made.keys += 1)}`,
    now: () => made.now,
    timers: { set: (work) => ((made.due = work), 1), clear: () => (made.due = null) },
  });
  return made;
}

test("a question is asked again until the server is done with it", () => {
  const { asking, sent, told, ...rest } = desk();
  const made = { asking, sent, told, ...rest };
  asking.ask("explain", 7);
  asking.heard({ key: "q1", state: "working" });
  assert.equal(sent.length, 1);
  asking.heard({ key: "q1", state: "done", words: [] });
  assert.deepEqual(told, [{ key: "q1", state: "done", words: [] }]);
  asking.heard({ key: "q1", state: "done", words: [] });
  assert.equal(told.length, 1);
  assert.ok(made);
});

test("asking again sends the same key in another value", () => {
  const made = desk();
  made.asking.ask("explain", 7);
  made.asking.heard(null);
  made.due();
  assert.deepEqual(made.sent.map((one) => one.key), ["q1", "q1"]);
  assert.notDeepEqual(made.sent[0], made.sent[1]);
});

test("a newer question makes the reply to an older one worthless", () => {
  const made = desk();
  made.asking.ask("explain", 7);
  made.asking.ask("group", 7);
  made.asking.heard({ key: "q1", state: "done" });
  assert.deepEqual(made.told, []);
  made.asking.heard({ key: "q2", state: "done" });
  assert.equal(made.told.length, 1);
});

test("moving on tells the server that nobody waits", () => {
  const made = desk();
  made.asking.cancel();
  assert.deepEqual(made.sent, []);
  made.asking.ask("explain", 7);
  made.asking.cancel();
  assert.equal(made.sent.at(-1), null);
  made.asking.heard({ key: "q1", state: "done" });
  assert.deepEqual(made.told, []);
});

test("a question without an answer is given up and said", () => {
  const made = desk();
  made.asking.ask("explain", 7);
  made.asking.heard(null);
  made.now = 61000;
  made.due();
  assert.equal(made.told[0].state, "refused");
  assert.equal(made.sent.at(-1), null);
});

test("weighted words cut the text without losing any of it", () => {
  const text = "🌊 the sea  rises";
  const parts = weighted(text, [[0, 2, 0.1], [3, 6, -0.2], [7, 10, 0]]);
  assert.equal(parts.map((one) => one.text).join(""), text);
  assert.deepEqual(parts.map((one) => one.weight), [0.5, null, -1, null, 0, null]);
  assert.equal(weighted(text, [[0, 99, 1]]).length, 1);
});
