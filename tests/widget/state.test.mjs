import assert from "node:assert/strict";
import { test } from "node:test";

import * as S from "../../labeling/widget/state.js";
import { data, ids, item, ready, say, stamp } from "./support.mjs";

test("an answer moves on at once and waits in the outbox", () => {
  const [state, made] = S.answer(ready([1, 2]), { kind: "label", label: "1" }, stamp({ key: "a" }));
  assert.equal(S.current(state).tweet_id, 2);
  assert.deepEqual(state.outbox.map((one) => one.key), ["a"]);
  assert.equal(made.lease_generation, 1);
  assert.equal(made.seconds, 1.5);
});

test("an acknowledged answer leaves the outbox and others stay", () => {
  const state = say(say(ready([1, 2, 3]), "1", "a"), "-1", "b");
  const after = S.receive(state, data({ ack: [{ key: "a", state: "saved" }], items: [item(3)] }));
  assert.deepEqual(after.outbox.map((one) => one.key), ["b"]);
  assert.equal(S.current(after).tweet_id, 3);
});

test("a repeated acknowledgement counts like the first", () => {
  const state = say(ready([1, 2]), "1", "a");
  const after = S.receive(state, data({ ack: [{ key: "a", state: "repeated" }] }));
  assert.equal(after.outbox.length, 0);
  assert.equal(after.notice, null);
});

test("a refused answer is said and its tweet is open again", () => {
  const state = say(ready([1, 2]), "1", "a");
  const ack = [{ key: "a", state: "refused", message: "no such label" }];
  const after = S.receive(state, data({ ack, items: [item(2)] }));
  assert.equal(after.notice.text, "no such label");
  assert.equal(after.given["1:1"], undefined);
  assert.equal(S.current(after).tweet_id, 2);
});

test("the server's older list does not bring back an answered tweet", () => {
  const state = say(ready([1, 2, 3]), "1");
  const after = S.receive(state, data({ items: [item(1), item(2), item(3)] }));
  assert.deepEqual(ids(after), [1, 2, 3]);
  assert.equal(S.current(after).tweet_id, 2);
  assert.equal(S.openCount(after), 2);
});

test("the tweet on screen stays when the server's list changes under it", () => {
  const after = S.receive(ready([1, 2, 3]), data({ items: [item(7), item(8)] }));
  assert.equal(S.current(after).tweet_id, 1);
  assert.deepEqual(ids(after), [1, 7, 8]);
});

test("answers left over from an earlier page keep their tweets off the tape", () => {
  const [, left] = S.answer(ready([1, 2]), { kind: "label", label: "1" }, stamp());
  const after = S.receive(S.initial([left]), data({ items: [item(1), item(2)] }));
  assert.deepEqual(ids(after), [2]);
  assert.equal(after.outbox.length, 1);
});

test("left over answers are sent in the order of the decisions", () => {
  const state = S.initial([{ key: "b", at: 5, seq: 2 }, { key: "c", at: 9, seq: 1 }, { key: "a", at: 5, seq: 1 }]);
  assert.deepEqual(state.outbox.map((one) => one.key), ["a", "b", "c"]);
});

test("a hidden repeat is asked although its tweet was answered before", () => {
  const state = say(ready([1, 2]), "1", "a");
  const repeat = item(1, { lease_generation: 8 });
  const after = S.receive(state, data({ ack: [{ key: "a", state: "saved" }], items: [item(2), repeat] }));
  assert.deepEqual(ids(after), [1, 2, 1]);
  assert.equal(S.openCount(after), 2);
});

test("a tweet leased anew carries the new claim", () => {
  const after = S.receive(ready([1]), data({ items: [item(1, { lease_generation: 5 })] }));
  assert.deepEqual(ids(after), [1]);
  assert.equal(S.answer(after, { kind: "skip" }, stamp())[1].lease_generation, 5);
});

test("walking stops at both ends and a later answer returns to what was left open", () => {
  let state = S.walk(ready([1, 2, 3]), -1);
  assert.equal(S.current(state).tweet_id, 1);
  state = S.walk(S.walk(S.walk(state, 1), 1), 1);
  assert.equal(S.current(state).tweet_id, 3);
  assert.equal(S.current(say(state, "1")).tweet_id, 1);
});

test("revising an answered tweet is the person's own choice, without the used claim", () => {
  const back = S.walk(say(ready([1, 2]), "1", "a"), -1);
  assert.equal(S.standing(back).label, "1");
  const [after, made] = S.answer(back, { kind: "label", label: "-1" }, stamp());
  assert.equal(made.lease_generation, null);
  assert.equal(after.given["1:1"].label, "-1");
  assert.equal(S.current(after).tweet_id, 2);
  assert.equal(S.doneToday(after), 1);
});

test("a label that the project does not have is not an answer", () => {
  const [state, made] = S.answer(ready([1]), { kind: "label", label: "9" }, stamp());
  assert.equal(made, null);
  assert.equal(state.outbox.length, 0);
});

test("nothing is answered when nothing is on screen", () => {
  assert.equal(S.answer(ready([]), { kind: "label", label: "1" }, stamp())[1], null);
  assert.equal(S.answer(S.initial(), { kind: "skip" }, stamp())[1], null);
});

test("flag and comment stay on the tweet", () => {
  let [state] = S.answer(ready([1, 2]), { kind: "flag", on: true }, stamp());
  [state] = S.answer(state, { kind: "comment", comment: "irony?" }, stamp());
  assert.equal(S.current(state).tweet_id, 1);
  assert.ok(S.isFlagged(state));
  assert.equal(S.remarkOn(state, 1).comment, "irony?");
  [state] = S.answer(state, { kind: "flag", on: false }, stamp());
  assert.ok(!S.isFlagged(state));
  assert.equal(state.outbox.length, 3);
});

test("an empty comment is none, whatever the server holds", () => {
  let state = ready([1, 2], { remarks: [{ tweet_id: 1, flagged: false, comment: "stored" }] });
  assert.equal(S.remarkOn(state, 1).comment, "stored");
  const [next, made] = S.answer(state, { kind: "comment", comment: "" }, stamp());
  assert.equal(made.comment, "");
  assert.equal(S.remarkOn(next, 1).comment, "");
  state = ready([1], { history: [{ key: "x", tweet_id: 1, kind: "label", flagged: true, comment: "old" }] });
  assert.deepEqual(S.remarkOn(state, 1), { flag: true, comment: "old" });
});

test("a comment belongs to the tweet it was written on, though another one is on screen", () => {
  const state = S.walk(ready([1, 2]), 1);
  const [next, made] = S.answer(state, { kind: "comment", comment: "hm" }, stamp(), state.tape[0]);
  assert.equal(made.tweet_id, 1);
  assert.equal(S.current(next).tweet_id, 2);
  assert.equal(S.remarkOn(next, 1).comment, "hm");
  assert.equal(S.remarkOn(next, 2).comment, "");
});

test("remarks that an earlier page left behind stand, but for those it took back", () => {
  let [state, kept] = S.answer(ready([1, 2]), { kind: "comment", comment: "hm" }, stamp());
  let gone;
  [state, gone] = S.answer(state, { kind: "flag", on: true }, stamp());
  const undo = { key: "z", kind: "undo", undoes_key: gone.key, tweet_id: 1, at: 9e9, seq: 1 };
  const after = S.receive(S.initial([undo, gone, kept]), data({ items: [item(1)] }));
  assert.deepEqual(S.remarkOn(after, 1), { flag: false, comment: "hm" });
});

test("the goal is a pause, and a label pressed into it answers nothing", () => {
  const counters = { done_today: 1, per_hour: null, left: 9, goal: 2 };
  const state = say(ready([1, 2, 3], { counters }), "1");
  assert.ok(state.goalReached);
  const [same, made] = S.answer(state, { kind: "label", label: "1" }, stamp());
  assert.equal(made, null);
  const on = S.goOn(same);
  assert.equal(S.current(on).tweet_id, 2);
  assert.ok(!say(on, "1").goalReached);
});

test("done today counts what is still on its way, once", () => {
  let state = say(say(ready([1, 2, 3], { counters: { done_today: 5, left: 3, goal: 0 } }), "1", "a"), "1", "b");
  assert.equal(S.doneToday(state), 7);
  state = S.receive(state, data({ ack: [{ key: "a", state: "saved" }], counters: { done_today: 6, left: 2, goal: 0 } }));
  assert.equal(S.doneToday(state), 7);
});

test("the tape forgets what lies far behind but not what is ahead", () => {
  const many = Array.from({ length: 300 }, (_, index) => index + 1);
  let state = ready(many);
  for (let index = 0; index < 290; index += 1) state = say(state, "1");
  state = S.receive(state, data({ items: many.slice(290).map((id) => item(id)) }));
  assert.equal(S.current(state).tweet_id, 291);
  assert.equal(S.openCount(state), 10);
  assert.ok(state.tape.length <= 211);
});
