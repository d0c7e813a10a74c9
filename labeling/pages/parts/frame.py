"""The frame around every page: less empty space on top, a quiet header, a remembered name.

One inline component, because Streamlit has no setting for these. It draws nothing itself and
reads no text of people into markup.
"""

from typing import Any

import streamlit as st

_CSS = """
.stLayoutWrapper:has(> .st-key-relabel_frame) { position: absolute; height: 0; overflow: hidden; }
.stMainBlockContainer { padding: 4.75rem 2rem 3rem; max-width: 84rem; }
.stMainBlockContainer h1 { padding-top: 0; padding-bottom: 0.25rem; }
[data-testid="stStatusWidget"] { display: none; }
.stDataFrame, .stTable, [data-testid="stMetricValue"] { font-variant-numeric: tabular-nums; }
.stText { white-space: pre-wrap; overflow-wrap: anywhere; }
@media (min-width: 64rem) {
  .stLayoutWrapper:has(> .st-key-relabel_header) { position: absolute; }
  .st-key-relabel_header {
    position: fixed; top: 0.7rem; right: 1.25rem; width: auto; z-index: 999991;
  }
}
@media (max-width: 63.99rem) {
  .stMainBlockContainer { padding: 4rem 1rem 3rem; }
  .st-key-relabel_header { margin-bottom: -0.5rem; }
}
"""

_JS = """
export default function ({ data }) {
  const name = data && data.person;
  if (name === null || name === undefined) return;
  const age = name === "" ? 0 : 60 * 60 * 24 * 180;
  document.cookie =
    `relabel_person=${encodeURIComponent(name)}; path=/; SameSite=Strict; max-age=${age}`;
}
"""

# isolate_styles=False: the style sheet is for the page, not for the component.
_frame = st.components.v2.component(
    "relabel_frame", html="<span></span>", css=_CSS, js=_JS, isolate_styles=False
)


def draw(person: str | None) -> None:
    """Put the frame around the page; `person` is kept in a cookie, "" forgets it."""
    data: dict[str, Any] = {"person": person}
    with st.container(key="relabel_frame"):
        _frame(data=data, key="relabel_frame_component", height=1)
