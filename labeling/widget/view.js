/** From state to screen. Reads the state, writes the DOM; decides nothing. */

import { fillExplained, fillGuidelines, fillTweet, percent } from "./text.js";
import { current, doneToday, isFlagged, remarkOn, standing } from "./state.js";
import { log } from "./history.js";

const KEYS = [
  ["Enter", "accept the suggestion"],
  ["S", "skip: no answer from me"],
  ["F", "flag for the reviewers; again takes it back"],
  ["M", "comment; an empty one takes it away"],
  ["Z", "undo the last flag, comment or answer, as many steps as you like"],
  ["← →", "walk back and forward"],
  ["H", "hide or show suggestions"],
  ["E", "explain: the words that the suggestion rests on"],
  ["T", "the tweets that this one stands for"],
  ["G", "guidelines"],
  ["?", "these keys"],
];
// A repeat of one's own tweet is drawn at random and must not be told from other random ones.
const REASONS = {
  least_confident: "least sure",
  margin: "close call",
  entropy: "least sure",
  diverse: "unlike the others",
  disagreement: "versions disagree",
  focus: "as you chose",
  random: "random",
  repeat: "random",
  assigned: "assigned to you",
  unpredicted: "not predicted yet",
};
const LOG_LENGTH = 12;
const SHORT = 90;

/** The elements named by data-ref, by name. */
export function refsOf(root) {
  const found = {};
  root.querySelectorAll("[data-ref]").forEach((element) => {
    found[element.dataset.ref] = element;
  });
  return found;
}

/** A new element with a class and a text. */
export function make(tag, name = "", text = "") {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text) element.textContent = text;
  return element;
}

/** Build the label buttons anew; done when the label set changes, not for each tweet. */
export function buildLabels(refs, labels) {
  const buttons = labels.map((label) => {
    const button = make("button", "label");
    button.type = "button";
    button.dataset.act = "label";
    button.dataset.label = label.value;
    button.title = label.description;
    button.style.setProperty("--label", label.color);
    const bar = make("span", "bar");
    bar.append(make("span", "fill"));
    button.append(make("kbd", "", label.hotkey), make("span", "name", label.name));
    button.append(bar, make("span", "share"), make("span", "note"));
    return button;
  });
  refs.labels.replaceChildren(...buttons);
  refs.labels.style.setProperty("--rows", Math.max(1, labels.length));
}

/** Fill the guidelines panel and the list of keys. */
export function buildPanels(refs, labels, guidelines) {
  const terms = labels.flatMap((label) => {
    const term = make("dt", "term", label.name);
    term.style.setProperty("--label", label.color);
    term.prepend(make("span", "swatch"));
    return [term, make("dd", "", label.description || "No description yet.")];
  });
  refs.guideLabels.replaceChildren(...terms);
  fillGuidelines(refs.guideText, guidelines);
  const keys = labels.filter((label) => label.hotkey).map((label) => [label.hotkey, label.name]);
  const rows = [...keys, ...KEYS].flatMap(([key, what]) => {
    const term = make("dt");
    term.append(...key.split(" ").map((one) => make("kbd", "", one)));
    return [term, make("dd", "", what)];
  });
  refs.keyList.replaceChildren(...rows);
}

/** The tweet's card: its text and what is known of it, or the state that stands in its place. */
export function drawCard(refs, state, hidden, explained = null) {
  const item = state.goalReached ? null : current(state);
  refs.tweet.hidden = !item;
  refs.state.hidden = Boolean(item);
  refs.card.classList.toggle("blank", !item);
  if (!item) {
    refs.chips.replaceChildren();
    refs.reason.textContent = "";
    drawPause(refs, state);
    return;
  }
  drawText(refs.tweet, item, explained);
  const chips = chipsOf(state, item).map((text) => make("span", "chip", text));
  if (item.group_size > 1) chips.splice(item.is_retweet ? 1 : 0, 0, groupChip(item));
  refs.chips.replaceChildren(...chips);
  refs.reason.textContent = explained?.note ?? reasonOf(item, hidden);
}

/** Why it was asked, as far as that may be said; a claim may be older than the suggestion. */
export function reasonOf(item, hidden) {
  const predicted = item.reason === "unpredicted" && item.suggestion;
  return item.blind || hidden || predicted ? "" : (REASONS[item.reason] ?? "");
}

/** The text, its words tinted where they are explained: {words, color}. */
function drawText(element, item, explained) {
  const shown = `${item.tweet_id}${explained?.words ? " explained" : ""}`;
  if (element.dataset.of === shown && element.textContent === item.text) return;
  const same = element.dataset.of?.split(" ")[0] === String(item.tweet_id);
  element.dataset.of = shown;
  if (explained?.words) {
    element.style.setProperty("--label", explained.color);
    fillExplained(element, item.text, explained.words);
  } else fillTweet(element, item.text);
  if (!same) element.scrollTop = 0;
  markOverflow(element);
}

function groupChip(item) {
  const chip = make("button", "chip", `stands for ${item.group_size.toLocaleString("en")} tweets`);
  chip.type = "button";
  chip.dataset.act = "group";
  chip.setAttribute("aria-haspopup", "dialog");
  return chip;
}

/** Let the last line fade where more text lies below it. */
export function markOverflow(element) {
  const below = element.scrollHeight - element.clientHeight - element.scrollTop;
  element.classList.toggle("more", below > 4);
}

function chipsOf(state, item) {
  const chips = [];
  if (item.is_retweet) chips.push("RT");
  if (item.cut_off) chips.push("text cut off");
  if (isFlagged(state)) chips.push("flagged");
  const { comment } = remarkOn(state, item.tweet_id);
  if (comment) chips.push(`“${shorten(comment, 40)}”`);
  return chips;
}

function drawPause(refs, state) {
  const { title, text, button, act } = pauseOf(state);
  refs.stateTitle.textContent = title;
  refs.stateText.textContent = text;
  refs.stateButton.hidden = !button;
  refs.stateButton.textContent = button ?? "";
  refs.stateButton.dataset.act = act ?? "";
}

function pauseOf(state) {
  if (!state.ready) return { title: "", text: "Fetching tweets" };
  if (state.labels.length === 0) {
    const text = "Add labels on the Settings page; then tweets appear here.";
    return { title: "This project has no labels", text };
  }
  if (state.goalReached) {
    const title = `${doneToday(state).toLocaleString("en")} today: the goal is reached`;
    return { title, text: "A good place for a break. Enter goes on.", button: "Go on", act: "goOn" };
  }
  if (state.outbox.length > 0 && !state.empty) {
    return { title: "Fetching more tweets", text: "Your answers are kept meanwhile." };
  }
  return { title: "Nothing left to ask", text: state.empty || "Every tweet has its answers." };
}

/** The bars: probabilities where a suggestion may be seen, empty otherwise. */
export function drawLabels(refs, state, hidden) {
  const item = state.goalReached ? null : current(state);
  const seen = item && !item.blind && !hidden ? item.suggestion : null;
  const given = standing(state);
  for (const button of refs.labels.children) {
    const value = button.dataset.label;
    const share = seen ? (seen.probabilities[value] ?? 0) : null;
    const suggested = Boolean(seen) && seen.label === value;
    const mine = given?.kind === "label" && given.label === value;
    const [kbd, name, bar, number, note] = button.children;
    bar.firstChild.style.transform = `scaleX(${share ?? 0})`;
    number.textContent = share === null ? "" : percent(share);
    const word = seen?.guess ? "a guess" : "suggested";
    const accepts = suggested && !mine ? [make("span", "hint", ", Enter accepts")] : [];
    note.replaceChildren(mine ? "your answer" : suggested ? word : "", ...accepts);
    button.classList.toggle("suggested", suggested);
    button.classList.toggle("mine", mine);
    button.disabled = !item;
    const parts = [`Label ${name.textContent}`, kbd.textContent && `key ${kbd.textContent}`];
    parts.push(number.textContent, suggested && word, mine && "your answer");
    button.setAttribute("aria-label", parts.filter(Boolean).join(", "));
  }
  refs.flag.setAttribute("aria-pressed", String(Boolean(isFlagged(state))));
}

/** Counters, the saved state and the calm line for what was refused. */
export function drawTop(refs, state, word, keeps) {
  const counters = state.counters;
  const waiting = state.outbox.length;
  refs.done.textContent = doneToday(state).toLocaleString("en");
  refs.rateBox.hidden = !(counters.per_hour > 0);
  refs.rate.textContent = Math.round(counters.per_hour ?? 0).toLocaleString("en");
  refs.left.textContent = Math.max(0, counters.left - Math.max(0, state.answered)).toLocaleString("en");
  const ahead = (counters.goal ?? 0) - doneToday(state);
  refs.goalBox.hidden = !(ahead > 0);
  refs.goal.textContent = Math.max(0, ahead).toLocaleString("en");
  refs.goalOf.textContent = ahead > 0 ? ` of ${counters.goal.toLocaleString("en")}` : "";
  const agreement = counters.agreement_with_model;
  refs.agreeBox.hidden = agreement === null || agreement === undefined;
  refs.agree.textContent = refs.agreeBox.hidden ? "" : percent(agreement);
  const kept = `${waiting} ${waiting === 1 ? "answer" : "answers"} kept ${keeps ? "here" : "in this tab only"}`;
  const said = {
    saved: "saved ✓",
    saving: "saving",
    slow: `not saved yet – ${kept}`,
    stuck: `not saved yet – ${kept}`,
    offline: waiting > 0 ? `offline – ${kept}` : "offline",
  };
  refs.saved.textContent = state.ready ? said[word] : "";
  refs.saved.parentElement.dataset.word = word;
  refs.reload.hidden = word !== "stuck";
  refs.notice.textContent = state.notice?.text ?? "";
}

/** The last answers, each with a button to revise it. */
export function drawLog(refs, state) {
  const names = new Map(state.labels.map((label) => [label.value, label]));
  const rows = log(state).slice(0, LOG_LENGTH).map((entry) => {
    const row = make("li", entry.waiting ? "waiting" : "");
    const label = names.get(entry.label);
    const word = make("span", "given", label ? label.name : (entry.label ?? entry.kind));
    word.style.setProperty("--label", label?.color ?? "transparent");
    word.prepend(make("span", "swatch"));
    const text = make("span", "text", shorten(entry.text ?? "", SHORT));
    text.dir = "auto";
    const again = make("button", "again", "↺");
    again.type = "button";
    again.dataset.act = "revise";
    again.dataset.key = entry.key;
    again.setAttribute("aria-label", `Show this tweet again: ${shorten(entry.text ?? "", 40)}`);
    row.append(word, text, again);
    return row;
  });
  refs.log.replaceChildren(...rows);
  refs.last.classList.toggle("none", rows.length === 0);
}

function shorten(text, length) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= length ? line : `${line.slice(0, length - 1).trimEnd()}…`;
}
