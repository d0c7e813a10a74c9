/**
 * Where unacknowledged answers outlive the page: one entry of localStorage for each answer.
 *
 * One entry each, because two tabs that rewrite a common list lose each other's answers.
 */

/** A keeper for one person in one project. `storage` is a Storage, or null where there is none. */
export function makeKeep(storage, scope) {
  const prefix = `relabel.outbox.${scope}.`;
  const attempt = (work, otherwise) => {
    try {
      return storage ? work() : otherwise;
    } catch {
      return otherwise; // full, or forbidden in this browser
    }
  };
  return {
    /** Store one answer. Returns whether it is kept. */
    put: (answer) =>
      attempt(() => {
        storage.setItem(prefix + answer.key, JSON.stringify(answer));
        return true;
      }, false),
    /** Forget answers that the server has. */
    drop: (keys) => attempt(() => keys.forEach((key) => storage.removeItem(prefix + key)), null),
    /** Everything kept, in no order; what cannot be read is left out. */
    load: () =>
      attempt(() => {
        const names = Array.from({ length: storage.length }, (_, index) => storage.key(index));
        return names.filter((name) => name.startsWith(prefix)).map(parsed).filter(Boolean);
      }, []),
    /** The answer in a storage event of another tab, or null. */
    fromEvent: (event) =>
      event.key?.startsWith(prefix) && event.newValue ? readAnswer(event.newValue) : null,
    /** A small preference of this person, kept as text. */
    preference: (name) => attempt(() => storage.getItem(`relabel.${name}.${scope}`), null),
    prefer: (name, value) =>
      attempt(() => storage.setItem(`relabel.${name}.${scope}`, value), null),
  };

  function parsed(name) {
    return readAnswer(storage.getItem(name));
  }
}

function readAnswer(text) {
  try {
    const answer = JSON.parse(text);
    return typeof answer?.key === "string" && typeof answer?.kind === "string" ? answer : null;
  } catch {
    return null;
  }
}
