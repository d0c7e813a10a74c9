/** The card: wires state, screen, keys, storage and server together. */

import { absorb, adopt, log, show, undo } from "./history.js";
import {
  answer,
  current,
  goOn,
  initial,
  isFlagged,
  itemId,
  receive,
  remarkOn,
  resized,
  walk,
} from "./state.js";
import { makeAsides } from "./asides.js";
import {
  afterPaint,
  browserStorage,
  elsewhereOpen,
  fitToWindow,
  isButton,
  keepUncovered,
  newKey,
  reachable,
} from "./browser.js";
import { actionOf, takesText } from "./keys.js";
import { makeKeep } from "./keep.js";
import { drawExamples } from "./lists.js";
import { makePanels } from "./panels.js";
import { makeStopwatch } from "./stopwatch.js";
import { makeSync } from "./sync.js";
import { buildLabels, buildPanels, drawCard, drawLabels, drawLog, drawTop, markOverflow, refsOf } from "./view.js";

const FLASH_MS = 120;
// What leaves the tweet on screen: a comment that is being written is saved first.
const LEAVES = new Set(["label", "accept", "skip", "back", "forward", "revise"]);
const PANEL_ACTS = new Set(["close", "guide", "keys", "group"]);
const TIMERS = { set: (work, ms) => setTimeout(work, ms), clear: (id) => clearTimeout(id) };
// One card for each place in the page; Streamlit calls mount() again with each new `data`.
const cards = new WeakMap();

/** Called by Streamlit at the first drawing and after each run of the server's script. */
export default function mount({ data, parentElement, setStateValue }) {
  if (!data) return undefined;
  let card = cards.get(parentElement);
  if (card && card.scope !== data.scope) {
    card.destroy();
    card = undefined;
  }
  card ??= new Card(parentElement, data);
  cards.set(parentElement, card);
  card.receive(data, setStateValue);
  const turn = card.turn;
  // A cleanup may come from a drawing that a newer one has overtaken: only the newest one counts,
  // and it waits, because the newer call may still be on its way.
  return () =>
    setTimeout(() => {
      if (card.turn !== turn || cards.get(parentElement) !== card) return;
      card.destroy();
      cards.delete(parentElement);
    }, 0);
}

class Card {
  constructor(root, { scope, base }) {
    this.root = root;
    this.scope = scope;
    this.base = base;
    this.turn = 0;
    this.seq = 0;
    this.server = null;
    this.onScreen = null;
    this.commentOn = null;
    this.drawn = "";
    this.refs = refsOf(root);
    this.keep = makeKeep(browserStorage(), scope);
    this.keeps = true;
    this.hidden = this.keep.preference("hide") === "yes";
    this.watch = makeStopwatch(() => performance.now(), () => document.hidden);
    this.state = initial(this.keep.load());
    this.send = () => {};
    this.sync = makeSync({
      // Streamlit draws much when it is told something; the next tweet goes first.
      send: () => afterPaint(() => this.transmit()),
      ping: () => reachable(this.base),
      said: () => this.drawTop(),
      outbox: () => this.state.outbox,
      now: () => performance.now(),
      timers: TIMERS,
    });
    this.panels = makePanels(root);
    this.sendQuestion = () => {};
    this.asides = makeAsides({
      refs: this.refs,
      panels: this.panels,
      newKey,
      timers: TIMERS,
      send: (question) => this.sendQuestion(question),
      item: () => (this.state.goalReached ? null : current(this.state)),
      suggestion: () => this.suggestion(),
      label: (value) => this.state.labels.find((one) => one.value === value),
      say: (text) => this.say(text),
      resized: (tweetId, size) => {
        this.state = resized(this.state, tweetId, size);
      },
      changed: () => this.draw(),
    });
    this.listen();
    this.refs.hide.setAttribute("aria-pressed", String(this.hidden));
    this.refs.last.open = window.innerWidth >= 900;
  }

  listen() {
    this.listening = new AbortController();
    const { signal } = this.listening;
    const on = (target, name, work) => target.addEventListener(name, work, { signal });
    on(window, "keydown", (event) => this.onKey(event));
    on(window, "storage", (event) => this.onStorage(event));
    on(window, "online", () => this.onOnline());
    on(window, "offline", () => this.sync.offline());
    on(document, "visibilitychange", () => this.watch.change());
    on(this.refs.tweet, "scroll", () => markOverflow(this.refs.tweet));
    on(window, "resize", () => markOverflow(this.refs.tweet));
    on(this.root, "click", (event) => this.onClick(event));
    on(this.refs.comment, "submit", (event) => this.onComment(event));
    keepUncovered(signal);
    this.measure = fitToWindow(this.refs.card.closest(".relabel"), signal);
  }

  destroy() {
    this.listening.abort();
    this.sync.stop();
    this.asides.stop();
  }

  /** Take in what the server sent, and tell what it still lacks. */
  receive(data, setStateValue) {
    this.turn += 1;
    // Only what the server reads travels; the texts stay here.
    this.send = (outbox) =>
      setStateValue("outbox", outbox.map(({ text: _text, ...rest }) => rest));
    this.sendQuestion = (question) => setStateValue("question", question);
    this.base = data.base;
    const restarted = this.server !== data.server;
    this.server = data.server;
    const before = this.state.outbox;
    this.state = receive(this.state, data);
    const left = new Set(this.state.outbox.map((one) => one.key));
    this.keep.drop(before.filter((one) => !left.has(one.key)).map((one) => one.key));
    const { labels, guidelines, examples, may_add_examples } = data;
    const drawn = JSON.stringify([labels, guidelines, examples, may_add_examples]);
    if (drawn !== this.drawn) {
      this.drawn = drawn;
      buildLabels(this.refs, this.state.labels);
      buildPanels(this.refs, this.state.labels, guidelines ?? "");
      drawExamples(this.refs, this.state.labels, examples ?? [], Boolean(may_add_examples));
    }
    this.sync.heard(restarted);
    this.asides.heard(data.reply);
    this.draw();
    this.measure();
  }

  draw() {
    const item = current(this.state);
    const id = item ? itemId(item) : null;
    if (id !== this.onScreen) this.asides.moveOn();
    drawCard(this.refs, this.state, this.hidden, this.asides.explained());
    drawLabels(this.refs, this.state, this.hidden);
    this.drawTop();
    drawLog(this.refs, this.state);
    if (id === this.onScreen) return;
    this.onScreen = id;
    this.watch.restart();
    // Another tab may have answered it, or it was claimed anew: that loses nothing either.
    if (this.commentOn && this.commentOn.tweet_id !== item?.tweet_id) this.saveComment();
  }

  transmit() {
    if (!this.listening.signal.aborted) this.send(this.state.outbox);
  }

  drawTop() {
    drawTop(this.refs, this.state, this.sync.word(), this.keeps);
  }

  goTo(state) {
    this.state = state;
    this.draw();
  }

  stamp() {
    this.seq += 1;
    return {
      key: newKey(),
      at: Date.now(),
      seq: this.seq,
      seconds: this.watch.seconds(),
      shown: this.suggestion() !== null,
    };
  }

  /** The suggestion that the person sees, or null. */
  suggestion() {
    const item = current(this.state);
    return item && !item.blind && !this.hidden ? (item.suggestion ?? null) : null;
  }

  /** The answer is kept in the browser before anything else happens with it. */
  decide([next, made]) {
    if (!made) return;
    this.keeps = this.keep.put(made);
    this.goTo(next);
    this.sync.push();
  }

  act({ act, label, key, member }) {
    if (LEAVES.has(act)) this.saveComment();
    const { state } = this;
    const acts = {
      label: () => this.choose(label),
      accept: () => this.accept(),
      skip: () => this.decide(answer(state, { kind: "skip" }, this.stamp())),
      flag: () => this.decide(answer(state, { kind: "flag", on: !isFlagged(state) }, this.stamp())),
      comment: () => this.openComment(),
      undo: () => this.undo(),
      back: () => this.goTo(walk(state, -1)),
      forward: () => this.goTo(walk(state, 1)),
      goOn: () => this.goTo(goOn(state)),
      revise: () => this.revise(key),
      explain: () => this.asides.toggleWords(),
      group: () => this.asides.toggleGroup(),
      splitOff: () => this.asides.ask("split_off", { member: Number(member) }),
      rejoin: () => this.asides.ask("rejoin", { member: Number(member) }),
      example: () => this.asides.ask("example", { label }),
      hide: () => this.toggleSuggestions(),
      guide: () => this.panels.toggle(this.refs.guide),
      keys: () => this.panels.toggle(this.refs.keys),
      close: () => this.panels.close(),
      reload: () => window.location.reload(),
    };
    acts[act]?.();
  }

  choose(label) {
    if (!current(this.state) || this.state.goalReached) return;
    this.flash(label);
    this.decide(answer(this.state, { kind: "label", label }, this.stamp()));
  }

  accept() {
    if (this.state.goalReached) this.goTo(goOn(this.state));
    else if (this.suggestion()) this.choose(this.suggestion().label);
    else if (current(this.state)) this.say(`No suggestion to accept here: ${this.waysToChoose()}.`);
  }

  /** What to press where there is no suggestion to accept. */
  waysToChoose() {
    const shown = this.hidden ? "press H to see suggestions, or " : "";
    return `${shown}choose a label by its key`;
  }

  /** While a comment is being written, only that is given up. */
  undo() {
    const written = this.written();
    this.closeComment();
    if (written === null) this.decide(undo(this.state, this.stamp()));
    else this.say("The comment was not saved.");
  }

  revise(key) {
    const entry = log(this.state).find((one) => one.key === key);
    if (entry) this.goTo(show(this.state, entry));
  }

  toggleSuggestions() {
    this.hidden = !this.hidden;
    this.keep.prefer("hide", this.hidden ? "yes" : "no");
    this.refs.hide.setAttribute("aria-pressed", String(this.hidden));
    if (this.hidden) this.asides.hideWords();
    this.draw();
  }

  /** A calm line below the card, until the next act. */
  say(text) {
    this.state = { ...this.state, notice: { kind: "said", text } };
    this.drawTop();
  }

  flash(value) {
    const button = [...this.refs.labels.children].find((one) => one.dataset.label === value);
    if (!button) return;
    button.classList.add("pressed");
    setTimeout(() => button.classList.remove("pressed"), FLASH_MS);
  }

  openComment() {
    const item = current(this.state);
    if (!item || this.state.goalReached) return;
    if (!this.commentOn) this.refs.commentText.value = remarkOn(this.state, item.tweet_id).comment;
    this.commentOn = item;
    this.refs.comment.hidden = false;
    this.refs.commentText.focus();
  }

  closeComment() {
    this.commentOn = null;
    if (this.refs.comment.hidden) return;
    this.refs.comment.hidden = true;
    this.refs.tweet.focus({ preventScroll: true });
  }

  /** The comment that is being written, where it differs from what stands, else null. */
  written() {
    if (!this.commentOn) return null;
    const comment = this.refs.commentText.value.trim();
    return comment === remarkOn(this.state, this.commentOn.tweet_id).comment ? null : comment;
  }

  /** Save the comment that is being written, on the tweet that it is about. */
  saveComment() {
    const comment = this.written();
    const item = this.commentOn;
    this.closeComment();
    if (comment === null) return;
    this.decide(answer(this.state, { kind: "comment", comment }, this.stamp(), item));
  }

  onKey(event) {
    const from = event.composedPath()[0];
    if (from === this.refs.commentText && event.key === "Escape") this.closeComment();
    const where = { typing: takesText(from), onButton: isButton(from) };
    const known = actionOf(event, this.state.labels, where);
    if (!known || (this.panels.open() && !PANEL_ACTS.has(known.act))) return;
    if (!this.root.contains(from) && elsewhereOpen()) return;
    event.preventDefault();
    this.act(known);
  }

  onClick(event) {
    const button = event.target.closest("[data-act]");
    if (event.target === this.panels.open()) this.panels.close();
    if (!button) return;
    // A click leaves no focus behind, or the next Enter would press this button again.
    if (event.detail > 0) button.blur();
    this.act(button.dataset);
  }

  onComment(event) {
    event.preventDefault();
    this.saveComment();
  }

  onStorage(event) {
    const other = this.keep.fromEvent(event);
    if (other) this.goTo(absorb(this.state, other));
  }

  /** The network is back: also what other tabs of this person have left is sent. */
  onOnline() {
    this.state = adopt(this.state, this.keep.load());
    this.drawTop();
    this.sync.online();
  }
}
