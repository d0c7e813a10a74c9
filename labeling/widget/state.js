/**
 * What the card knows, as pure functions: no DOM, no clock, no storage, no network.
 *
 * Tape: the items on hand in the order they are walked, answered ones behind, open ones ahead;
 * `at` is where the person stands. Outbox: answers that the server has not acknowledged yet, in
 * the order of the decisions. Log: what was answered, newest first, for undo and for revising;
 * it is made of the outbox and of the server's history, so it is the same after a reload.
 */

const TAPE_BEHIND = 200;
export const MOVES_ON = new Set(["label", "skip"]);

/** The state before anything arrived, with the answers that an earlier page left behind. */
export function initial(leftOver = []) {
  return {
    ready: false,
    labels: [],
    tape: [],
    at: 0,
    given: {}, // item id -> {kind, label, key}: what stands for an item on the tape
    marks: marksOf(leftOver), // tweet id -> {flag: true|false, comment: text}: what this page did
    remarks: [], // {tweet_id, flagged, comment}: what the server holds of open tweets
    remarked: [], // flags and comments since the last answer, with what stood before each
    outbox: [...leftOver].sort(byDecision),
    gone: {}, // keys taken back here whose undo the server has acknowledged
    history: [],
    counters: { done_today: 0, per_hour: null, left: 0, goal: 0 },
    goalReached: false,
    empty: "",
    notice: null,
    answered: 0, // label answers since the last counters
  };
}

/** Flags and comments that an earlier page left behind and did not take back. */
function marksOf(leftOver) {
  const undone = new Set(leftOver.map((one) => one.undoes_key));
  const made = leftOver.filter((one) => !undone.has(one.key)).sort(byDecision);
  return made.reduce(marked, {});
}

/** Order of the decisions, also between two pages. */
export function byDecision(a, b) {
  return a.at - b.at || a.seq - b.seq;
}

/** One asking of one tweet. A tweet asked again later (a repeat) has a new generation. */
export function itemId(item) {
  return `${item.tweet_id}:${item.lease_generation ?? 0}`;
}

/** The item on screen, or null. */
export function current(state) {
  return state.tape[state.at] ?? null;
}

/** What stands for the item on screen: {kind, label} or null. */
export function standing(state) {
  const item = current(state);
  return item ? (state.given[itemId(item)] ?? null) : null;
}

/** How many open items are left on the tape. */
export function openCount(state) {
  return state.tape.filter((item) => !state.given[itemId(item)]).length;
}

/** Take in what the server sent. Never moves the person off the item on screen. */
export function receive(state, data) {
  const acked = new Map((data.ack ?? []).map((ack) => [ack.key, ack]));
  const next = { ...state, ready: true };
  next.gone = { ...state.gone };
  for (const answer of state.outbox) {
    const ack = acked.get(answer.key);
    if (ack && ack.state !== "refused" && answer.kind === "undo") {
      next.gone[answer.undoes_key] = true;
    }
  }
  next.outbox = state.outbox.filter((answer) => !acked.has(answer.key));
  next.notice = noticeOf(state, acked) ?? state.notice;
  next.given = withoutRefused(state, acked);
  next.labels = data.labels ?? state.labels;
  next.history = data.history ?? state.history;
  next.remarks = data.remarks ?? state.remarks;
  next.empty = data.empty ?? "";
  if (data.counters) {
    next.counters = data.counters;
    next.answered = netAnswers(next.outbox);
  }
  return withItems(next, data.items ?? []);
}

function noticeOf(state, acked) {
  for (const answer of state.outbox) {
    const ack = acked.get(answer.key);
    if (ack && ack.state === "refused") return { kind: "refused", text: ack.message };
    if (ack && ack.state === "conflict") return { kind: "conflict", text: ack.message };
  }
  return null;
}

function withoutRefused(state, acked) {
  const given = { ...state.given };
  for (const [id, answer] of Object.entries(given)) {
    if (acked.get(answer.key)?.state === "refused") delete given[id];
  }
  return given;
}

function netAnswers(outbox) {
  const first = outbox.filter((a) => a.kind === "label" && a.first).length;
  const undone = outbox.filter((a) => a.kind === "undo" && a.undoes_kind === "label").length;
  return first - undone;
}

/** Lay the server's items on the tape: behind stays, ahead follows the server. */
function withItems(state, items) {
  const pending = new Set(
    state.outbox.filter((a) => MOVES_ON.has(a.kind)).map((a) => a.item ?? ""),
  );
  const here = current(state);
  const keep = state.tape.filter(
    (item, index) => index <= state.at || state.given[itemId(item)],
  );
  const offered = new Map(items.map((item) => [item.tweet_id, item]));
  const held = keep.map((item) => reclaimed(state, item, offered.get(item.tweet_id)));
  const known = new Set(held.map(itemId));
  const fresh = items.filter((item) => !known.has(itemId(item)) && !pending.has(itemId(item)));
  const tape = [...held, ...fresh];
  const cut = Math.max(0, state.at - TAPE_BEHIND);
  const next = { ...state, tape: tape.slice(cut), at: state.at - cut };
  return here && state.tape.length > 0 ? next : { ...next, at: firstOpen(next, 0) };
}

/** An open item that the server leased anew carries the new lease; the rest of it stays. */
function reclaimed(state, item, offer) {
  if (!offer || state.given[itemId(item)]) return item;
  const { lease_generation, group_size } = offer;
  return { ...item, lease_generation, group_size, reopened: false };
}

/** The group of a tweet has another size now. */
export function resized(state, tweetId, size) {
  const tape = state.tape.map((item) =>
    item.tweet_id === tweetId ? { ...item, group_size: size } : item,
  );
  return { ...state, tape };
}

/** Index of the first open item from `start` on, else of any open one, else the tape's end. */
export function firstOpen(state, start) {
  const open = (item) => !state.given[itemId(item)];
  const ahead = state.tape.findIndex((item, index) => index >= start && open(item));
  if (ahead >= 0) return ahead;
  const behind = state.tape.findIndex(open);
  return behind >= 0 ? behind : state.tape.length;
}

/**
 * Record a decision on an item, the one on screen unless another is named. Returns
 * [state, answer], or [state, null] where there is nothing to answer.
 * `stamp`: {key, at, seq, seconds, shown}.
 */
export function answer(state, what, stamp, item = current(state)) {
  if (!item || state.goalReached) return [state, null];
  if (what.kind === "label" && !state.labels.some((label) => label.value === what.label)) {
    return [state, null];
  }
  const first = state.given[itemId(item)]?.kind !== "label";
  const made = {
    key: stamp.key,
    kind: what.kind,
    first,
    tweet_id: item.tweet_id,
    item: itemId(item),
    label: what.label ?? null,
    comment: what.comment ?? null,
    undoes_key: null,
    on: what.on ?? true,
    seconds: stamp.seconds ?? null,
    shown: Boolean(stamp.shown),
    // A tweet taken up again is the person's own choice; the claim it came with is used up.
    lease_generation: first && !item.reopened ? (item.lease_generation ?? null) : null,
    text: item.text,
    at: stamp.at,
    seq: stamp.seq,
  };
  const next = { ...state, outbox: [...state.outbox, made], notice: null };
  if (!MOVES_ON.has(what.kind)) {
    const { key, kind, tweet_id } = made;
    next.remarked = [...state.remarked, { key, kind, tweet_id, before: remarkOn(state, tweet_id) }];
    next.marks = marked(state.marks, made);
    return [next, made];
  }
  next.remarked = [];
  next.given = { ...state.given, [made.item]: { kind: made.kind, label: made.label, key: made.key } };
  if (made.kind === "label" && first) next.answered = state.answered + 1;
  next.at = firstOpen(next, state.at + 1);
  return [withGoal(state, next), made];
}

function marked(marks, made) {
  const mark = { ...(marks[made.tweet_id] ?? {}) };
  if (made.kind === "flag") mark.flag = made.on;
  if (made.kind === "comment") mark.comment = made.comment ?? "";
  return { ...marks, [made.tweet_id]: mark };
}

/** What stands of the person's flag and comment on a tweet: {flag, comment}; "" is no comment. */
export function remarkOn(state, tweetId) {
  const same = (one) => one.tweet_id === tweetId;
  const stored = state.remarks.find(same) ?? state.history.find(same);
  const { flag, comment } = state.marks[tweetId] ?? {};
  return { flag: flag ?? Boolean(stored?.flagged), comment: comment ?? stored?.comment ?? "" };
}

/** How many were answered today, with those that are still on their way. */
export function doneToday(state) {
  return Math.max(0, state.counters.done_today + state.answered);
}

function withGoal(before, after) {
  const goal = after.counters.goal;
  const crossed = goal > 0 && doneToday(before) < goal && doneToday(after) >= goal;
  return crossed ? { ...after, goalReached: true } : after;
}

/** Leave the goal's pause and go on with the queue. */
export function goOn(state) {
  return { ...state, goalReached: false };
}

/** Whether the person has flagged the item on screen. */
export function isFlagged(state) {
  const item = current(state);
  return item !== null && remarkOn(state, item.tweet_id).flag;
}

/** Walk along the tape by `steps` (-1 back, +1 forward); the end of the tape stops it. */
export function walk(state, steps) {
  const last = Math.max(0, state.tape.length - 1);
  const at = Math.min(last, Math.max(0, state.at + steps));
  return { ...state, at, notice: null, goalReached: false };
}

