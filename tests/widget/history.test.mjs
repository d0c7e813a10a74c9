import assert from "node:assert/strict";
import { test } from "node:test";

import * as H from "../../labeling/widget/history.js";
import * as S from "../../labeling/widget/state.js";
import { data, item, ready, say, stamp } from "./support.mjs";

const stored = (key, tweet_id, more = {}) => ({ key, tweet_id, kind: "label", label: "1", text: `old ${tweet_id}`, ...more });

const remark = (state, what, key) => S.answer(state, what, stamp({ key }))[0];

test("undo shows the tweet again, open, with an undo in the outbox", () => {
  const [state, made] = H.undo(say(ready([1, 2]), "1", "a"), stamp());
  assert.equal(S.current(state).tweet_id, 1);
  assert.equal(S.standing(state), null);
  assert.equal(made.undoes_key, "a");
  assert.equal(S.doneToday(state), 0);
});

test("undo goes back any number of steps and on into the server's history", () => {
  let state = ready([1, 2, 3], { history: [stored("y", 11), stored("x", 10)] });
  state = say(say(state, "1", "a"), "-1", "b");
  const seen = [];
  for (let step = 0; step < 5; step += 1) {
    const [next, made] = H.undo(state, stamp());
    if (made) seen.push([S.current(next).tweet_id, made.undoes_key]);
    state = next;
  }
  assert.deepEqual(seen, [[2, "b"], [1, "a"], [11, "y"], [10, "x"]]);
});

test("after several undos the tweets come again in their order", () => {
  let state = say(say(ready([1, 2, 3]), "1"), "1");
  state = H.undo(H.undo(state, stamp())[0], stamp())[0];
  assert.equal(S.current(state).tweet_id, 1);
  state = say(state, "-1");
  assert.equal(S.current(state).tweet_id, 2);
  state = say(state, "-1");
  assert.equal(S.current(state).tweet_id, 3);
});

test("a tweet answered again after an undo is not undone with the old key", () => {
  let state = H.undo(say(ready([1, 2]), "1", "a"), stamp())[0];
  state = say(state, "-1", "c");
  assert.deepEqual(H.log(state).map((entry) => entry.key), ["c"]);
  assert.equal(H.undo(state, stamp())[1].undoes_key, "c");
});

test("an acknowledged undo stays undone, even if an older history arrives", () => {
  let state = ready([1, 2], { history: [stored("x", 10)] });
  const [next, made] = H.undo(state, stamp());
  state = S.receive(next, data({ ack: [{ key: made.key, state: "saved" }], history: [stored("x", 10)] }));
  assert.equal(H.log(state).length, 0);
  assert.equal(H.undo(state, stamp())[1], null);
});

test("undo right after remarks takes those back, newest first, and only then an answer", () => {
  let state = say(ready([1, 2]), "1", "a");
  state = remark(state, { kind: "comment", comment: "hm" }, "c");
  state = remark(state, { kind: "flag", on: true }, "f");
  const undone = [];
  const texts = [];
  for (let step = 0; step < 4; step += 1) {
    const [next, made] = H.undo(state, stamp());
    undone.push([made?.undoes_key, made?.tweet_id, S.current(next).tweet_id]);
    texts.push(next.notice?.text);
    state = next;
    if (step < 2) assert.equal(state.given["1:1"].label, "1", "the answer on the other tweet stands");
  }
  assert.deepEqual(undone, [["f", 2, 2], ["c", 2, 2], ["a", 1, 1], [undefined, undefined, 1]]);
  assert.deepEqual(texts.slice(0, 2), ["The flag is taken back.", "The comment is taken back."]);
  assert.deepEqual(S.remarkOn(state, 2), { flag: false, comment: "" });
});

test("an undone comment gives back the one before it, also where the server knows the newer", () => {
  let state = ready([1, 2], { remarks: [{ tweet_id: 1, flagged: true, comment: "before" }] });
  state = remark(state, { kind: "comment", comment: "" }, "c");
  assert.equal(S.remarkOn(state, 1).comment, "");
  state = S.receive(state, data({ ack: [{ key: "c", state: "saved" }], items: [item(1), item(2)], remarks: [] }));
  state = H.undo(state, stamp())[0];
  assert.equal(S.remarkOn(state, 1).comment, "before");
  assert.equal(state.notice.text, "The comment is as it was before.");
});

test("undo of a remark goes back to its tweet, and does not open what was answered", () => {
  let state = remark(S.walk(say(ready([1, 2]), "1", "a"), -1), { kind: "flag", on: true }, "f");
  state = H.undo(S.walk(state, 1), stamp())[0];
  assert.equal(S.current(state).tweet_id, 1);
  assert.equal(S.standing(state).label, "1");
  assert.ok(!S.isFlagged(state));
});

test("after an answer undo takes back that answer, not a remark made before it", () => {
  const state = say(remark(ready([1, 2]), { kind: "comment", comment: "hm" }, "c"), "1", "a");
  const [next, made] = H.undo(state, stamp());
  assert.equal(made.undoes_key, "a");
  assert.equal(S.remarkOn(next, 1).comment, "hm");
});

test("an undone remark counts for no answer of today", () => {
  let state = remark(say(ready([1, 2]), "1", "a"), { kind: "flag", on: true }, "f");
  state = H.undo(state, stamp())[0];
  state = S.receive(state, data({ counters: { done_today: 0, per_hour: null, left: 9, goal: 0 } }));
  assert.equal(S.doneToday(state), 1);
});

test("the log holds each answer once, waiting ones first", () => {
  let state = say(ready([1, 2], { history: [stored("x", 10)] }), "1", "a");
  assert.deepEqual(H.log(state).map((entry) => [entry.key, entry.waiting]), [["a", true], ["x", false]]);
  const history = [stored("a", 1), stored("x", 10)];
  state = S.receive(state, data({ history }));
  assert.deepEqual(H.log(state).map((entry) => entry.key), ["a", "x"]);
});

test("revising shows the tweet with what stands, and undo of it is separate", () => {
  const state = H.show(ready([1, 2], { history: [stored("x", 10)] }), stored("x", 10));
  assert.equal(S.current(state).text, "old 10");
  assert.equal(S.standing(state).label, "1");
  const [after, made] = S.answer(state, { kind: "label", label: "-1" }, stamp());
  assert.equal(made.tweet_id, 10);
  assert.equal(made.lease_generation, null);
  assert.equal(S.current(after).tweet_id, 1);
});

test("an answer in another tab takes the tweet off this one", () => {
  const other = { key: "t", kind: "label", label: "1", tweet_id: 1, item: "1:1" };
  const state = H.absorb(ready([1, 2]), other);
  assert.equal(S.current(state).tweet_id, 2);
  assert.equal(state.outbox.length, 0);
});

test("kept answers of a closed tab join the outbox once", () => {
  const kept = { key: "t", kind: "label", label: "1", tweet_id: 9, item: "9:1", at: 0, seq: 1 };
  let state = H.adopt(say(ready([1, 2]), "1", "a"), [kept]);
  state = H.adopt(state, [kept]);
  assert.deepEqual(state.outbox.map((one) => one.key), ["t", "a"]);
});

test("an undo of a tweet that the server leased anew uses the new claim", () => {
  let state = H.undo(say(ready([1, 2]), "1", "a"), stamp())[0];
  assert.equal(S.answer(state, { kind: "skip" }, stamp())[1].lease_generation, null);
  state = S.receive(state, data({ items: [item(1, { lease_generation: 4 }), item(2)] }));
  assert.equal(S.answer(state, { kind: "skip" }, stamp())[1].lease_generation, 4);
});
