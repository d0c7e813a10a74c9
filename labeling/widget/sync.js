/**
 * When the outbox is sent, sent again, and what is said about it.
 *
 * The server acknowledges every key it was sent, also those it knew already, so sending again is
 * always safe and nothing here needs to know whether an earlier message arrived.
 */

const GATHER_MS = 60; // presses closer than this travel together
const PATIENCE_MS = 3500; // silence after which the connection is doubted
const LONGEST_WAIT_MS = 10000;
const STUCK_AFTER = 3; // doubts in a row although the server can be reached

/**
 * `send(outbox)` hands the outbox to the server, `ping()` resolves to whether it is reachable,
 * `said(word)` is told saved | saving | slow | stuck | offline, `timers` are setTimeout and clearTimeout,
 * `now()` gives milliseconds.
 */
export function makeSync({ send, ping, said, outbox, now, timers }) {
  let lastSent = -Infinity;
  let gather = null;
  let doubt = null;
  let wait = PATIENCE_MS;
  let doubts = 0;
  let stopped = false;
  let word = "saved";

  function say(next) {
    word = next;
    said(next);
  }

  function transmit() {
    timers.clear(gather);
    gather = null;
    if (stopped || outbox().length === 0) return;
    lastSent = now();
    send(outbox());
    timers.clear(doubt);
    doubt = timers.set(question, wait);
  }

  async function question() {
    if (stopped || outbox().length === 0) return;
    const reachable = await ping();
    if (stopped || outbox().length === 0) return;
    doubts = reachable ? doubts + 1 : 0;
    say(!reachable ? "offline" : doubts < STUCK_AFTER ? "slow" : "stuck");
    wait = Math.min(LONGEST_WAIT_MS, wait * 1.5);
    transmit();
  }

  return {
    /** There is something new in the outbox. */
    push() {
      if (word === "saved") say("saving");
      const since = now() - lastSent;
      if (since >= GATHER_MS) transmit();
      else gather ??= timers.set(transmit, GATHER_MS - since);
    },
    /** The server spoke. `restarted`: it is not the one that got the last message. */
    heard(restarted) {
      wait = PATIENCE_MS;
      doubts = 0;
      if (outbox().length === 0) {
        timers.clear(doubt);
        say("saved");
      } else {
        say("saving");
        if (restarted) transmit();
      }
    },
    /** The browser says that the network is back. */
    online: transmit,
    /** The browser says that the network is gone. */
    offline: () => say("offline"),
    /** What was said last. */
    word: () => word,
    /** No more timers. */
    stop() {
      stopped = true;
      timers.clear(gather);
      timers.clear(doubt);
    },
  };
}
