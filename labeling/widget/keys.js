/** Which key means what. Keys are off while one types and with Ctrl, Alt or Meta. */

const NAMED = {
  Enter: "accept",
  s: "skip",
  f: "flag",
  m: "comment",
  z: "undo",
  g: "guide",
  e: "explain",
  t: "group",
  h: "hide",
  "?": "keys",
  Escape: "close",
  ArrowLeft: "back",
  ArrowRight: "forward",
};

/**
 * The action of a key press: {act} or {act: "label", label}, or null for none.
 * `typing`: an input has the focus; `onButton`: a button has it, so Enter is that button's.
 */
export function actionOf(event, labels, { typing = false, onButton = false } = {}) {
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || typing) return null;
  if (event.isComposing || event.defaultPrevented) return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const label = labels.find((one) => one.hotkey !== "" && one.hotkey.toLowerCase() === key);
  if (label) return { act: "label", label: label.value };
  if (key === "Enter" && onButton) return null;
  const act = Object.hasOwn(NAMED, key) ? NAMED[key] : null;
  return act ? { act } : null;
}

/** Whether the element at the start of an event's path takes text. */
export function takesText(element) {
  if (!(element instanceof Element)) return false;
  if (element.matches("textarea, select, [contenteditable=''], [contenteditable=true]")) return true;
  return element.matches("input:not([type=checkbox]):not([type=radio]):not([type=button])");
}
