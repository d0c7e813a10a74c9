/** Lists beside a tweet: the tweets it stands for, and examples in the guidelines. */

import { make } from "./view.js";

/** Draw the tweets that the one on screen stands for; `reply` null while they are fetched. */
export function drawGroup(refs, reply, tweetId, message = "") {
  refs.groupText.textContent = message || groupSentence(reply);
  const rows = (reply?.members ?? []).map((one) => {
    const here = one.tweet_id === tweetId;
    const alone = reply.size < 2;
    return row(one, here ? "on screen" : "", alone ? null : ["split off", "splitOff"]);
  });
  refs.groupList.replaceChildren(...rows);
  const apart = (reply?.apart ?? []).map((one) => row(one, "", ["put back", "rejoin"]));
  refs.apartBox.hidden = apart.length === 0;
  refs.apartList.replaceChildren(...apart);
}

function groupSentence(reply) {
  if (!reply) return "Fetching them";
  if (reply.size < 2) return "It stands for itself only.";
  const shown = reply.members.length;
  const first = shown < reply.size ? ` These are the first ${shown}.` : "";
  return `One answer counts for all ${reply.size.toLocaleString("en")}.${first}`;
}

function row(one, note, button) {
  const item = make("li");
  const text = make("p", "", one.text);
  text.dir = "auto";
  item.append(text, make("span", "mark", note));
  if (button) {
    const act = make("button", "quiet", button[0]);
    act.type = "button";
    act.dataset.act = button[1];
    act.dataset.member = one.tweet_id;
    act.setAttribute("aria-label", `${button[0]}: ${one.text.slice(0, 60)}`);
    item.append(act);
  }
  return item;
}

/** Fill the examples of each label, and the row that makes the tweet on screen one. */
export function drawExamples(refs, labels, examples, mayAdd) {
  const parts = labels.flatMap((label) => {
    const mine = examples.filter((one) => one.label === label.value);
    if (mine.length === 0) return [];
    const head = make("h3", "", `${label.name}, for example`);
    const list = make("ul");
    for (const one of mine) {
      const item = make("li", "", one.text);
      item.dir = "auto";
      list.append(item);
    }
    return [head, list];
  });
  refs.guideExamples.replaceChildren(...parts);
  refs.addExample.hidden = !mayAdd;
  const buttons = labels.map((label) => {
    const button = make("button", "quiet", label.name);
    button.type = "button";
    button.dataset.act = "example";
    button.dataset.label = label.value;
    button.style.setProperty("--label", label.color);
    button.prepend(make("span", "swatch"));
    button.setAttribute("aria-label", `Add this tweet as an example of ${label.name}`);
    return button;
  });
  refs.exampleLabels.replaceChildren(...buttons);
}

/** What the tinted words say, in words. `words`: [start, end, weight]. */
export function explainedSentence(text, words, name) {
  const named = (list) => list.map(([start, end]) => text.slice(start, end)).join(", ");
  const strong = [...words].sort((a, b) => Math.abs(b[2]) - Math.abs(a[2])).slice(0, 5);
  const forIt = strong.filter((one) => one[2] > 0);
  const against = strong.filter((one) => one[2] < 0);
  const parts = [];
  if (forIt.length > 0) parts.push(`For ${name}: ${named(forIt)}`);
  if (against.length > 0) parts.push(`Against: ${named(against)}`);
  return parts.join(". ") || "No single word counts.";
}
