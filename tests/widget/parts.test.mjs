import assert from "node:assert/strict";
import { test } from "node:test";

import { actionOf } from "../../labeling/widget/keys.js";
import { makeKeep } from "../../labeling/widget/keep.js";
import { makeStopwatch } from "../../labeling/widget/stopwatch.js";
import { makeSync } from "../../labeling/widget/sync.js";
import { blocks, percent, pieces, spans } from "../../labeling/widget/text.js";
import { reasonOf } from "../../labeling/widget/view.js";
import { item, LABELS, MemoryStorage } from "./support.mjs";

const press = (key, more = {}) => ({ key, repeat: false, ctrlKey: false, altKey: false, metaKey: false, ...more });

test("hotkeys are labels and letters are acts", () => {
  assert.deepEqual(actionOf(press("3"), LABELS), { act: "label", label: "1" });
  assert.deepEqual(actionOf(press("S"), LABELS), { act: "skip" });
  assert.equal(actionOf(press("4"), LABELS), null);
  assert.equal(actionOf(press("constructor"), LABELS), null);
});

test("held keys, modifiers, typing and composing are no answers", () => {
  assert.equal(actionOf(press("1", { repeat: true }), LABELS), null);
  assert.equal(actionOf(press("1", { ctrlKey: true }), LABELS), null);
  assert.equal(actionOf(press("z", { metaKey: true }), LABELS), null);
  assert.equal(actionOf(press("1"), LABELS, { typing: true }), null);
  assert.equal(actionOf(press("s", { isComposing: true }), LABELS), null);
});

test("Enter belongs to the button that has the focus", () => {
  assert.equal(actionOf(press("Enter"), LABELS, { onButton: true }), null);
  assert.deepEqual(actionOf(press("Enter"), LABELS), { act: "accept" });
});

test("kept answers survive another page and belong to one person", () => {
  const storage = new MemoryStorage();
  assert.ok(makeKeep(storage, "p1-a1").put({ key: "a", kind: "label" }));
  makeKeep(storage, "p1-a10").put({ key: "b", kind: "label" });
  storage.setItem("relabel.outbox.p1-a1.broken", "{");
  const again = makeKeep(storage, "p1-a1");
  assert.deepEqual(again.load().map((one) => one.key), ["a"]);
  again.drop(["a"]);
  assert.deepEqual(again.load(), []);
});

test("a browser that keeps nothing says so instead of failing", () => {
  const full = { setItem: () => { throw new Error("quota"); }, get length() { throw new Error("no"); } };
  assert.equal(makeKeep(full, "x").put({ key: "a" }), false);
  assert.deepEqual(makeKeep(full, "x").load(), []);
  assert.equal(makeKeep(null, "x").put({ key: "a" }), false);
});

test("time with the page hidden does not count", () => {
  let now = 0;
  let hidden = false;
  const watch = makeStopwatch(() => now, () => hidden);
  now = 2000;
  hidden = true;
  watch.change();
  now = 60000;
  hidden = false;
  watch.change();
  now = 61500;
  assert.equal(watch.seconds(), 3.5);
  watch.restart();
  assert.equal(watch.seconds(), 0);
});

function bench({ up = true } = {}) {
  const clock = { now: 0, jobs: [] };
  const seen = { sent: [], said: [] };
  const box = [];
  const sync = makeSync({
    send: (outbox) => seen.sent.push([clock.now, outbox.length]),
    ping: async () => up,
    said: (word) => seen.said.push(word),
    outbox: () => box,
    now: () => clock.now,
    timers: {
      set: (work, ms) => { const job = { at: clock.now + ms, work }; clock.jobs.push(job); return job; },
      clear: (job) => { clock.jobs = clock.jobs.filter((one) => one !== job); },
    },
  });
  const pass = async (ms) => {
    const end = clock.now + ms;
    for (;;) {
      const due = clock.jobs.filter((job) => job.at <= end).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      clock.jobs = clock.jobs.filter((job) => job !== due);
      clock.now = due.at;
      await due.work();
    }
    clock.now = end;
  };
  return { sync, box, seen, pass };
}

test("the first answer is sent at once, quick ones after it together", async () => {
  const { sync, box, seen, pass } = bench();
  for (let index = 0; index < 4; index += 1) {
    box.push(index);
    sync.push();
    await pass(20);
  }
  await pass(100);
  assert.deepEqual(seen.sent, [[0, 1], [60, 3], [120, 4]]);
});

test("saved is said only when the outbox is empty", () => {
  const { sync, box, seen } = bench();
  box.push(1, 2);
  sync.push();
  box.pop();
  sync.heard(false);
  assert.equal(seen.said.at(-1), "saving");
  box.pop();
  sync.heard(false);
  assert.equal(seen.said.at(-1), "saved");
});

test("silence is doubted, asked about and answered by sending again", async () => {
  const { sync, box, seen, pass } = bench({ up: false });
  box.push(1);
  sync.push();
  await pass(30000);
  assert.equal(seen.said.at(-1), "offline");
  assert.ok(seen.sent.length >= 4);
});

test("a server that can be reached but never answers asks for a reload", async () => {
  const { sync, box, seen, pass } = bench({ up: true });
  box.push(1);
  sync.push();
  await pass(30000);
  assert.equal(seen.said.at(-1), "stuck");
});

test("a new server gets the outbox at once", () => {
  const { sync, box, seen } = bench();
  box.push(1);
  sync.heard(true);
  assert.equal(seen.sent.length, 1);
  sync.heard(false);
  assert.equal(seen.sent.length, 1);
});

test("a stopped card sends nothing more", async () => {
  const { sync, box, seen, pass } = bench();
  box.push(1);
  sync.stop();
  sync.push();
  await pass(60000);
  assert.equal(seen.sent.length, 0);
});

test("pieces of a tweet add up to the tweet", () => {
  const text = "RT @Ada: a<b>&amp; #климат #1 mail@host.org\nhttps://t.co/x?a=1#b … @";
  assert.equal(pieces(text).map((piece) => piece.text).join(""), text);
  const kinds = pieces(text).filter((piece) => piece.kind !== "plain").map((piece) => piece.text);
  assert.deepEqual(kinds, ["@Ada", "#климат", "#1", "https://t.co/x?a=1#b"]);
});

test("guidelines are read as headings, lists and paragraphs, and nothing as markup", () => {
  const read = blocks("# Stance\nfirst\nline\n\n- **Pro**: <b>for</b>\n1. next");
  assert.deepEqual(read, [
    { tag: "h3", text: "Stance" },
    { tag: "p", text: "first line" },
    { tag: "li", text: "**Pro**: <b>for</b>" },
    { tag: "li", text: "next" },
  ]);
  assert.deepEqual(spans("a **b** _c_ `d_e_f` g_h_i"), [
    { text: "a ", tag: null },
    { text: "b", tag: "strong" },
    { text: " ", tag: null },
    { text: "c", tag: "em" },
    { text: " ", tag: null },
    { text: "d_e_f", tag: "code" },
    { text: " g_h_i", tag: null },
  ]);
});

test("a share is never rounded to nothing", () => {
  assert.equal(percent(0.714), "71 %");
  assert.equal(percent(0.001), "<1 %");
  assert.equal(percent(0), "0 %");
});

test("a table in the guidelines is rows of cells, its first row the head", () => {
  const found = blocks("Before\n\n| a | b |\n|---|:-:|\n| **c** | d |\nAfter");
  assert.deepEqual(found, [
    { tag: "p", text: "Before" },
    { tag: "tr", cells: ["a", "b"], head: true },
    { tag: "tr", cells: ["**c**", "d"], head: false },
    { tag: "p", text: "After" },
  ]);
});

test("a tweet with a suggestion is not called unpredicted", () => {
  const suggestion = { label: "1", probabilities: {} };
  assert.equal(reasonOf(item(1, { reason: "unpredicted" }), false), "not predicted yet");
  assert.equal(reasonOf(item(1, { reason: "unpredicted", suggestion }), false), "");
  assert.equal(reasonOf(item(1, { reason: "margin", suggestion }), false), "close call");
  assert.equal(reasonOf(item(1, { reason: "margin", suggestion }), true), "");
});
