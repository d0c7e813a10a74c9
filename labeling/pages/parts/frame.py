"""The frame around every page: less empty space on top, a quiet header, a remembered name, and
the project's name in the address.

One inline component, because Streamlit has no setting for these. It draws nothing itself and
reads no text of people into markup.
"""

from typing import Any

import streamlit as st

from labeling.access import access
from labeling.pages.parts import session_keys

_CSS = """
[data-testid="stLayoutWrapper"]:has(> .st-key-relabel_frame) {
  position: absolute; height: 0; overflow: hidden;
}
[data-testid="stLayoutWrapper"]:has(> .st-key-relabel_header) {
  position: fixed; top: 0.7rem; right: 1.25rem; width: auto;
  z-index: 999990; /* above the bar, below the pages' menu that a phone opens over it */
}
.st-key-relabel_header { flex-wrap: nowrap; }
.st-key-relabel_header p {
  max-width: 28vw; overflow: hidden; text-overflow: ellipsis; white-space: nowrap;
}
.stMainBlockContainer { padding: 5rem 2rem 3rem; max-width: 84rem; }
.stMainBlockContainer h1 { padding-top: 0; padding-bottom: 0.4rem; }
[data-testid="stStatusWidget"] { display: none; }
[data-testid="stNumberInput"] [data-testid="InputInstructions"] { display: none; }
[data-testid="stPopoverButton"][aria-expanded="true"],
[data-testid="stPopoverButton"][aria-expanded="true"] * { color: inherit !important; }
[data-variant="segmented_control"][data-selected="true"],
[data-variant="segmented_control"][data-selected="true"] *,
[data-variant="pills"][data-selected="true"],
[data-variant="pills"][data-selected="true"] * { color: inherit !important; }
[data-testid="stCaptionContainer"], [data-testid="stCaptionContainer"] p {
  color: inherit; opacity: 0.88;
}
[data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; }
.stText { overflow-wrap: anywhere; }
[class*="st-key-big_text"] { min-height: 10rem; }
[class*="st-key-big_text"] .stText { font-size: 1.35rem; line-height: 1.5; max-width: 65ch; }
@media (max-width: 40rem) {
  .stMainBlockContainer { padding: 4.5rem 1rem 3rem; }
  [data-testid="stElementToolbar"] { display: none; }
}
"""

_JS = """
function nameProject(project) {
  const address = new URL(window.location.href);
  if (!project || address.searchParams.get("project") === project) return;
  address.searchParams.set("project", project);
  // Replaced, not pushed: one press of the back button is one page back.
  window.history.replaceState(window.history.state, "", address);
}

// "Data" in the bar is the list, also from a tweet's own page: Streamlit keeps the address where
// it is the page that one is on. So it does what "All tweets" does.
function leaveTweet(event) {
  const link = event.target.closest?.("a[data-testid$=NavLink]");
  const way = document.querySelector(".st-key-tweet_leave button");
  if (!link || !way || link.pathname !== window.location.pathname) return;
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  event.stopPropagation();
  way.click();
}

document.addEventListener("click", leaveTweet, true);

let shown = null;

// On a phone the pages' menu lies over the page that was chosen in it, and is remembered as open.
function closeMenu(page) {
  if (shown === page) return;
  shown = page;
  document.querySelector('[data-testid="stSidebarCollapseButton"] button')?.click();
}

const SENT = new Set();

async function remember(base, ticket) {
  if (SENT.has(ticket)) return;
  SENT.add(ticket);
  await fetch(`${base}/relabel/session`, {
    method: "POST",
    body: ticket,
    headers: { "X-Relabel": "session" },
  });
}

async function forget(base) {
  await fetch(`${base}/relabel/session`, {
    method: "DELETE",
    headers: { "X-Relabel": "session" },
  });
}

export default function ({ data }) {
  if (!data) return;
  nameProject(data.project);
  closeMenu(data.page);
  if (data.ticket) remember(data.base, data.ticket);
  if (data.forget) forget(data.base);
  if (data.person === null || data.person === undefined) return;
  const age = data.person === "" ? 0 : 60 * 60 * 24 * 180;
  document.cookie =
    `relabel_person=${encodeURIComponent(data.person)}; path=/; SameSite=Strict; max-age=${age}`;
}
"""

# isolate_styles=False: the style sheet is for the page, not for the component.
_frame = st.components.v2.component(
    "relabel_frame", html="<span></span>", css=_CSS, js=_JS, isolate_styles=False
)


def draw(person: str | None, *, page: str, project: str | None) -> None:
    """Put the frame around the page.

    Where people pick a name, `person` is kept in a cookie ("" forgets it). Where they sign in
    with a password, the browser hands the stay's ticket to the server, which sets a cookie that
    no script can read (parts/server.py). page: so that each page is told anew. project: the name
    that the address should say.
    """
    way = access().way
    base = str(st.get_option("server.baseUrlPath") or "").strip("/")
    data: dict[str, Any] = {
        "person": (person or "") if way == "local" else None,
        "ticket": st.session_state.get(session_keys.TICKET) if person else None,
        "forget": way == "accounts" and bool(st.session_state.get(session_keys.SIGNED_OUT)),
        "base": f"/{base}" if base else "",
        "page": page,
        "project": project,
    }
    with st.container(key="relabel_frame"):
        _frame(data=data, key="relabel_frame_component", height=1)
