/** Seconds that something was on screen; the time while the page was hidden does not count. */
export function makeStopwatch(now, hidden) {
  let shown = 0;
  let since = hidden() ? null : now();
  return {
    /** Start from zero. */
    restart() {
      shown = 0;
      since = hidden() ? null : now();
    },
    /** The page was hidden or shown. */
    change() {
      if (hidden() && since !== null) {
        shown += now() - since;
        since = null;
      } else if (!hidden() && since === null) since = now();
    },
    /** Seconds so far, to the hundredth. */
    seconds: () => Math.round((shown + (since === null ? 0 : now() - since)) / 10) / 100,
  };
}
