// What the tests of the widget's modules share: items, answers and a storage in memory.
import * as S from "../../labeling/widget/state.js";

export const LABELS = [
  { value: "-1", name: "Anti", hotkey: "1", color: "#D55E00", description: "" },
  { value: "1", name: "Pro", hotkey: "3", color: "#009E73", description: "" },
];

export function item(tweet_id, more = {}) {
  return { tweet_id, text: `tweet ${tweet_id}`, group_size: 1, blind: false, lease_generation: 1, suggestion: null, ...more };
}

export function data(more = {}) {
  return { labels: LABELS, items: [], ack: [], history: [], counters: { done_today: 0, per_hour: null, left: 9, goal: 0 }, empty: "", ...more };
}

export function ready(ids, more = {}) {
  return S.receive(S.initial(), data({ items: ids.map((id) => item(id)), ...more }));
}

let count = 0;
export function stamp(more = {}) {
  count += 1;
  return { key: `k${count}`, at: count, seq: count, seconds: 1.5, shown: false, ...more };
}

export function say(state, label, key) {
  return S.answer(state, { kind: "label", label }, stamp(key ? { key } : {}))[0];
}

export function ids(state) {
  return state.tape.map((one) => one.tweet_id);
}

export class MemoryStorage {
  constructor() {
    this.kept = new Map();
  }
  get length() {
    return this.kept.size;
  }
  key(index) {
    return [...this.kept.keys()][index] ?? null;
  }
  getItem(name) {
    return this.kept.get(name) ?? null;
  }
  setItem(name, value) {
    this.kept.set(name, String(value));
  }
  removeItem(name) {
    this.kept.delete(name);
  }
}
