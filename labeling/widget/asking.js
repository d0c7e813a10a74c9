/**
 * What a person asks of the tweet on screen (which words count, whom it stands for), one question
 * at a time. The server answers at once or says that it is at work; then it is asked again.
 */

const AGAIN_MS = 150;
const SLOWEST_MS = 800;
const GIVE_UP_MS = 60000;

/**
 * `send(question or null)` hands it to the server, `told(reply)` gets each reply but "working",
 * `newKey()` makes a key, `now()` gives milliseconds, `timers` are setTimeout and clearTimeout.
 */
export function makeAsking({ send, told, newKey, now, timers }) {
  let open = null;
  let timer = null;
  let wait = AGAIN_MS;
  let since = 0;
  let turn = 0;

  function again() {
    timer = null;
    if (!open) return;
    if (now() - since > GIVE_UP_MS) {
      const { key, kind, tweet_id } = open;
      cancel();
      told({ key, kind, tweet_id, state: "refused", message: "No answer came; try again." });
      return;
    }
    turn += 1;
    send({ ...open, turn }); // the same value twice would not be sent
  }

  function cancel() {
    if (open) send(null);
    open = null;
    timers.clear(timer);
    timer = null;
  }

  return {
    /** Ask; what was asked before is dropped. */
    ask(kind, tweet_id, more = {}) {
      timers.clear(timer);
      open = { ...more, key: newKey(), kind, tweet_id };
      [wait, since, turn] = [AGAIN_MS, now(), 0];
      send(open);
    },
    /** The server spoke; `reply` may be to an older question. */
    heard(reply) {
      if (!open) return;
      if (reply?.key !== open.key || reply.state === "working") {
        timer ??= timers.set(again, wait);
        wait = Math.min(SLOWEST_MS, wait * 1.4);
        return;
      }
      open = null;
      timers.clear(timer);
      timer = null;
      told(reply);
    },
    /** Nobody waits for it any more. */
    cancel,
    /** The question that is open, or null. */
    open: () => open,
    /** No more timers. */
    stop: () => timers.clear(timer),
  };
}
