"""Label sets that a project can start from."""

from dataclasses import dataclass, field
from typing import Any

from labeling.errors import LabelError


@dataclass(frozen=True)
class NewLabel:
    """A label as a person defines it. value: how it stands in files. color: #RRGGBB."""

    value: str
    name: str
    description: str = ""
    hotkey: str = ""
    color: str = ""


@dataclass(frozen=True)
class Template:
    """A label set with guidelines. columns: how the files of this kind of data set are headed."""

    name: str
    title: str
    labels: tuple[NewLabel, ...]
    guidelines: str
    columns: dict[str, Any] = field(default_factory=dict)


CLIMATE = Template(
    name="climate",
    title="Stance on man-made climate change",
    labels=(
        NewLabel(
            "-1",
            "Anti",
            "The tweet does not believe in man-made climate change: it calls it a hoax, a scam or "
            "natural, or mocks those who warn of it.",
            "1",
            "#D55E00",
        ),
        NewLabel(
            "0",
            "Neutral",
            "The tweet neither supports nor refutes man-made climate change: a question, a joke, a "
            "remark in passing.",
            "2",
            "#8C8C8C",
        ),
        NewLabel(
            "1",
            "Pro",
            "The tweet supports the belief in man-made climate change: it warns of it, calls for "
            "action, or criticises those who deny it.",
            "3",
            "#009E73",
        ),
        NewLabel(
            "2",
            "News",
            "The tweet reports or links to factual news about climate change, in the voice of a "
            "headline.",
            "4",
            "#0072B2",
        ),
    ),
    guidelines="""\
Judge the stance of **the tweet's author**, as far as the text shows it.

| label | choose it when the tweet … | not when … |
|---|---|---|
| **Anti** (-1) | denies that people change the climate | it quotes a denier to object |
| **Neutral** (0) | takes no side, or you cannot tell which | it is a headline: that is News |
| **Pro** (1) | takes man-made climate change as real and serious | it only reports: that is News |
| **News** (2) | passes on a fact or a headline | it adds an opinion to the headline |

* Irony counts as what it means, not as what it says.
* A retweet counts as the retweeter's agreement, unless they add something.
* Do not follow links; judge the text that is there.
* Undecided after a few seconds? Skip it, or flag it with a comment for the others.
""",
    columns={
        "text": "message",
        "id": "tweetid",
        "label": "sentiment",
        "header": ["sentiment", "message", "tweetid"],
    },
)

TEMPLATES = {CLIMATE.name: CLIMATE}


def get_template(name: str) -> Template:
    """Return a template by its name. Raises LabelError, naming those that exist."""
    if name not in TEMPLATES:
        raise LabelError(f"there is no template {name!r}; choose one of: {', '.join(TEMPLATES)}")
    return TEMPLATES[name]
