/** What was answered before: the log, undo, revising, and other tabs of the same person. */

import { byDecision, current, firstOpen, itemId, MOVES_ON } from "./state.js";

/** Every label and skip that stands, newest first: {key, tweet_id, kind, label, text…}. */
export function log(state) {
  const undone = new Set(state.outbox.filter((a) => a.kind === "undo").map((a) => a.undoes_key));
  const sent = new Set(state.outbox.map((a) => a.key));
  const stands = (key) => !undone.has(key) && !state.gone[key];
  const waiting = state.outbox
    .filter((a) => MOVES_ON.has(a.kind) && stands(a.key))
    .map((a) => ({ ...a, waiting: true }))
    .reverse();
  const stored = state.history
    .filter((entry) => stands(entry.key) && !sent.has(entry.key))
    .map((entry) => ({ ...entry, waiting: false }));
  return [...waiting, ...stored];
}

/**
 * Take back what was done last and show its tweet: a flag or comment made since the last answer,
 * else the newest answer. Returns [state, answer or null].
 */
export function undo(state, stamp) {
  const remark = state.remarked.at(-1);
  if (remark) return takeBackRemark(state, remark, stamp);
  const last = log(state)[0];
  return last ? takeBack(state, last, stamp) : [state, null];
}

function takeBackRemark(state, { key, kind, tweet_id, before }, stamp) {
  const made = undoOf({ key, kind, tweet_id }, stamp);
  const mark = { ...state.marks[tweet_id], [kind]: before[kind] };
  const again = before[kind] ? "is as it was before" : "is taken back";
  const next = {
    ...state,
    outbox: [...state.outbox, made],
    marks: { ...state.marks, [tweet_id]: mark },
    remarked: state.remarked.slice(0, -1),
    notice: { kind: "said", text: `The ${kind} ${again}.` },
  };
  if (current(state)?.tweet_id === tweet_id) return [next, made];
  const at = findLast(state.tape, (item) => item.tweet_id === tweet_id);
  return [at < 0 ? next : { ...next, at }, made];
}

/** Take back one entry of the log. */
export function takeBack(state, entry, stamp) {
  const made = undoOf(entry, stamp);
  const next = { ...state, outbox: [...state.outbox, made], notice: null, goalReached: false };
  if (entry.kind === "label") next.answered = state.answered - 1;
  return [show(next, entry, true), made];
}

function undoOf({ key, kind, tweet_id }, stamp) {
  return {
    key: stamp.key,
    kind: "undo",
    tweet_id,
    item: "",
    label: null,
    comment: null,
    undoes_key: key,
    undoes_kind: kind,
    seconds: null,
    shown: false,
    lease_generation: null,
    text: "",
    at: stamp.at,
    seq: stamp.seq,
  };
}

/** Show the tweet of a log entry again; `reopen` clears what stood for it. */
export function show(state, entry, reopen = false) {
  const wanted = findLast(state.tape, (item) => item.tweet_id === entry.tweet_id);
  const tape = [...state.tape];
  let at = wanted;
  if (wanted < 0) {
    at = Math.min(state.at, tape.length);
    tape.splice(at, 0, asItem(entry));
  }
  const given = { ...state.given };
  const id = itemId(tape[at]);
  if (reopen) {
    delete given[id];
    tape[at] = { ...tape[at], reopened: true };
  } else {
    given[id] = { kind: entry.kind, label: entry.label, key: entry.key };
  }
  return { ...state, tape, at, given, goalReached: false };
}

function findLast(list, test) {
  for (let index = list.length - 1; index >= 0; index -= 1) if (test(list[index])) return index;
  return -1;
}

/** An item for the tape from an entry of the history; blind unless the entry says otherwise. */
function asItem(entry) {
  return {
    tweet_id: entry.tweet_id,
    text: entry.text ?? "",
    group_size: entry.group_size ?? 1,
    cut_off: entry.cut_off ?? false,
    is_retweet: entry.is_retweet ?? false,
    reason: "",
    blind: entry.suggestion == null,
    lease_generation: null,
    suggestion: entry.suggestion ?? null,
  };
}

/** An answer that another tab of the same person gave: the tweet is done here too. */
export function absorb(state, other) {
  if (!MOVES_ON.has(other.kind)) return state;
  const given = { ...state.given };
  for (const item of state.tape) {
    if (itemId(item) === other.item) {
      given[other.item] = { kind: other.kind, label: other.label, key: other.key };
    }
  }
  const next = { ...state, given };
  const here = current(state);
  const moved = here && itemId(here) === other.item && !state.given[other.item];
  return moved ? { ...next, at: firstOpen(next, state.at + 1) } : next;
}

/** Answers from the browser's storage that this page does not hold yet join the outbox. */
export function adopt(state, stored) {
  const mine = new Set(state.outbox.map((a) => a.key));
  const more = stored.filter((a) => !mine.has(a.key));
  if (more.length === 0) return state;
  return { ...state, outbox: [...state.outbox, ...more].sort(byDecision) };
}
