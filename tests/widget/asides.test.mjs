import assert from "node:assert/strict";
import { test } from "node:test";
import { makeAsides } from "../../labeling/widget/asides.js";
import { item, LABELS } from "./support.mjs";

function made() {
  const sent = [];
  const pressed = [];
  const element = () => ({ textContent: "", setAttribute: (_name, value) => pressed.push(value) });
  const asides = makeAsides({
    refs: { explained: element(), explain: element(), exampleSaid: element() },
    panels: { open: () => null, close: () => {} },
    newKey: () => "one",
    timers: { set: () => null, clear: () => {} },
    send: (question) => sent.push(question?.kind ?? null),
    item: () => item(7),
    suggestion: () => ({ label: "1" }),
    label: (value) => LABELS.find((one) => one.value === value),
    say: () => {},
    resized: () => {},
    changed: () => {},
  });
  return { asides, sent, pressed };
}

const WORDS = { key: "one", kind: "explain", state: "done", label: "1", words: [] };

test("hiding suggestions hides the words that one rests on", () => {
  const { asides, pressed } = made();
  asides.toggleWords();
  asides.heard(WORDS);
  assert.equal(asides.explained().note, "tinted: for Pro · dashed: against");
  asides.hideWords();
  assert.equal(asides.explained(), null);
  assert.equal(pressed.at(-1), "false");
});

test("words that arrive after suggestions were hidden are not shown", () => {
  const { asides, sent } = made();
  asides.toggleWords();
  asides.hideWords();
  asides.heard(WORDS);
  assert.equal(asides.explained(), null);
  assert.deepEqual(sent, ["explain", null]);
});
