/** What the card needs of the browser: storage, keys for decisions, the server's pulse, room. */

const PING_MS = 2500;

/** localStorage, or null where the browser forbids it. */
export function browserStorage() {
  try {
    return window.localStorage;
  } catch {
    return null;
  }
}

/** Do `work` once the frame that is being made is painted; in a hidden page, a little later. */
export function afterPaint(work) {
  let done = false;
  const once = () => {
    if (!done) work();
    done = true;
  };
  requestAnimationFrame(() => setTimeout(once, 0));
  setTimeout(once, 100);
}

/** A key for one decision. randomUUID needs https or localhost; the fallback is as long. */
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Whether the server answers. Any path answers 200, so the body is read. */
export async function reachable(base) {
  try {
    const path = `${base ? `/${base}` : ""}/_stcore/health`;
    const signal = AbortSignal.timeout(PING_MS);
    const response = await fetch(path, { cache: "no-store", signal });
    return response.ok && (await response.text()).trim() === "ok";
  } catch {
    return false;
  }
}

/** Whether a dialog or an open menu of the page outside the card has the person's attention. */
export function elsewhereOpen() {
  return document.querySelector('[data-testid="stDialog"], [role="listbox"]') !== null;
}

/**
 * Streamlit covers the whole page with a dialog while the server is away. The card says so itself
 * and goes on working, so it closes that one; Streamlit then leaves it closed until it is back.
 */
export function keepUncovered(signal) {
  const look = () => {
    for (const dialog of document.querySelectorAll('[data-testid="stDialog"] [role="dialog"]')) {
      const title = document.getElementById(dialog.getAttribute("aria-labelledby"));
      if (title?.textContent.trim() === "Connection error") {
        dialog.querySelector('button[aria-label="Close"]')?.click();
      }
    }
  };
  const observer = new MutationObserver(look);
  observer.observe(document.body, { childList: true });
  signal.addEventListener("abort", () => observer.disconnect());
  look();
}

/** Tell the style sheet how much height is left below the card's top, so that nothing scrolls. */
export function fitToWindow(section, signal) {
  const measure = () => {
    const top = section.getBoundingClientRect().top;
    if (top >= 0) section.style.setProperty("--room", `${Math.round(window.innerHeight - top)}px`);
  };
  window.addEventListener("resize", measure, { signal });
  measure();
  return measure;
}

/**
 * Whether an element that has the focus uses Enter itself. The link by which a person came here
 * keeps the focus, and leads nowhere else: Enter is not for it.
 */
export function isButton(element) {
  if (!(element instanceof Element) || !element.matches("button, a, summary, [role=button]")) {
    return false;
  }
  const here = window.location.origin + window.location.pathname;
  return !(element instanceof HTMLAnchorElement && element.origin + element.pathname === here);
}
