/** What a person asks of the tweet on screen: its weight of words, its group, an example of it. */

import { makeAsking } from "./asking.js";
import { drawGroup, explainedSentence } from "./lists.js";

const GREY = "#8C8C8C";

/**
 * `send(question)` hands a question to the server; `item()` is the tweet on screen or null,
 * `suggestion()` what is seen of the model, `label(value)` a label; `say(text)` writes the calm
 * line, `resized(tweetId, size)` tells the size of a group, `changed()` draws the card anew.
 */
export function makeAsides({ refs, panels, newKey, timers, ...card }) {
  const asking = makeAsking({ send: card.send, told, newKey, now: () => performance.now(), timers });
  let explained = null;
  let listed = null;

  function ask(kind, more = {}) {
    const item = card.item();
    if (!item) return;
    asking.ask(kind, item.tweet_id, more);
    if (kind === "example") refs.exampleSaid.textContent = "Saving";
  }

  /** {words, color, note} of the tweet on screen, {note} while they are weighed, or null. */
  function explain(next, sentence = "") {
    explained = next;
    refs.explained.textContent = sentence;
    refs.explain.setAttribute("aria-pressed", String(next !== null));
  }

  function told(reply) {
    if (reply.kind === "example") refs.exampleSaid.textContent = reply.message;
    else if (reply.kind === "explain") toldWords(reply);
    else toldGroup(reply);
    card.changed();
  }

  function toldWords(reply) {
    if (reply.state !== "done") {
      explain(null);
      card.say(reply.message);
      return;
    }
    const label = card.label(reply.label);
    const name = label?.name ?? reply.label;
    const note = `tinted: for ${name} · dashed: against`;
    const sentence = explainedSentence(card.item()?.text ?? "", reply.words, name);
    explain({ words: reply.words, color: label?.color ?? GREY, note }, sentence);
  }

  function toldGroup(reply) {
    const done = reply.state === "done";
    if (done) {
      listed = reply;
      card.resized(reply.tweet_id, reply.size);
    }
    drawGroup(refs, listed, reply.tweet_id, done ? "" : reply.message);
  }

  return {
    ask,
    heard: asking.heard,
    stop: asking.stop,
    /** What is known of the words of the tweet on screen, for drawing. */
    explained: () => explained,
    /** Another tweet is on screen: nobody waits for what was asked of the last one. */
    moveOn() {
      asking.cancel();
      explain(null);
      listed = null;
      refs.exampleSaid.textContent = "";
      if (panels.open() === refs.group) panels.close();
    },
    /** Show or hide which words the suggestion rests on. */
    toggleWords() {
      if (explained) {
        asking.cancel();
        explain(null);
      } else if (card.suggestion()) {
        explain({ note: "weighing the words" });
        ask("explain");
      } else card.say("There is no suggestion here to explain.");
      card.changed();
    },
    /** Suggestions are hidden: so are the words that one rests on. */
    hideWords() {
      if (asking.open()?.kind === "explain") asking.cancel();
      explain(null);
    },
    /** Show or hide the tweets that the one on screen stands for. */
    toggleGroup() {
      const item = card.item();
      if (panels.open() === refs.group) panels.close();
      else if (item && item.group_size > 1) {
        drawGroup(refs, listed, item.tweet_id);
        panels.toggle(refs.group);
        ask("group");
      }
    },
  };
}
