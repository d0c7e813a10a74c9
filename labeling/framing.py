"""The frame of a tweet: who is addressed, where it is from, and tags that say nothing of it.

Only the ends of a text are looked at. What stands in its midst is part of what it says.
"""

import re
from collections.abc import Callable

ARTICLES = frozenset(("a", "an", "the"))
# Apostrophes, ellipses and other signs whose UTF-8 was read as Windows-1252, once or twice.
_APOSTROPHE = re.compile("Ã¢â‚¬(?:â„¢|Ëœ)|â€(?:™|˜)")
_ELLIPSIS = re.compile("Ã¢â‚¬Â¦|â€¦")
_GARBLED = re.compile(
    "Ã¢â‚¬(?:Å“|â€œ|â€\u009d|Â\u009d|[\u0080-\u00bf])?|â€[œ“”–—\u0080-\u00bf]?|Ã‚|Â(?=\\W)"
)
_NAME = r"@\w{1,20}"
# Names before the text: "@a @b text", ".@a: text". A colon shows that the text begins after it.
_ADDRESSED = re.compile(rf"^[\s.]*((?:{_NAME}[\s,]+)*{_NAME})(\s*:|\s+)\s*(\w*)", re.ASCII)
_RETWEETS = re.compile(r"^\s*(?:(?:rt|mt)\s+@\w+\s*:?\s*)+", re.IGNORECASE)
_LINKS = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S*", re.IGNORECASE)
_SOURCE = re.compile(
    rf"[\s(\[|–—-]*\b(?:via|h/t|by)\s*:?\s*(?:{_NAME}[\s,]*)+[\s)\].!…-]*$|"
    r"[\s(\[|–—-]*\bvia\s+#?\w+(?:\s+\w+)?[\s)\].!…-]*$",
    re.IGNORECASE,
)
_NAMES_AT_END = re.compile(rf"(?:[\s.,:|^…-]+(?:cc\s*:?\s*)?{_NAME})+[\s.,…]*$", re.IGNORECASE)
_OUTLETS = (
    r"the guardian|guardian|bbc news|bbc|cnn|reuters|the new york times|new york times|nyt|"
    r"nytimes|the washington post|washington post|wapo|huffpost|huffington post|the independent|"
    r"independent|fox news|foxnews|nbc news|cbs news|abc news|usa today|time|the hill|thehill|"
    r"bloomberg|mashable|slate|quartz|vox|the atlantic|politico|ap|associated press|npr|cnbc|"
    r"business insider|scientific american|new scientist|nature|phys\.org|financial times|ft|"
    r"wsj|al jazeera|daily mail|the telegraph|sky news|the economist|think ?progress|salon|"
    r"vice|wired|forbes|newsweek|grist|mother jones|rolling stone|climate central"
)
_OUTLET_FIRST = re.compile(
    rf"^[\s|#]*(?:{_OUTLETS}|breaking(?: news)?|just in|news|video|watch|read|icymi|must read)"
    r"\s*(?::|\||\s[-–—])\s*",
    re.IGNORECASE,
)
_OUTLET_LAST = re.compile(rf"\s*(?:[|–—]|\s-)\s*(?:{_OUTLETS})(?:\s+news)?[\s.…]*$", re.IGNORECASE)
_NEUTRAL_TAGS = re.compile(
    r"(?:[\s.,;:|-]*#(?:climate ?change|climate|global ?warming|environment|news|science|"
    r"breaking|breakingnews|energy|politics|auspol|green|weather|nature|world|earth|p2|tcot))+"
    r"[\s.,…]*$",
    re.IGNORECASE,
)
# After a name these show that it is what the sentence is about, not whom it is addressed to.
_VERB = re.compile(r"^(?:\w+(?:ed|s)|will|can|and|or|but|to|just|on|in|is|has|was|are)$")
_NO_VERB = frozenset(("this", "its", "us", "as", "yes", "thats", "whats", "heres", "lets", "need"))


def without_frame(text: str, normalise: Callable[[str], str]) -> tuple[str, bool]:
    """Return a text's normalised words without frame and articles, and whether it ended in frame.

    A text whose end was frame is whole, even if that frame was cut off.
    """
    kept = _mended(text) if "â" in text or "Ã" in text or "Â" in text else text
    framed_end = False
    if "@" in kept or ":" in kept or "-" in kept or "#" in kept or "|" in kept or "via" in kept:
        before = _without_start(kept)
        kept = _without_end(before)
        framed_end = kept != before
    words = normalise(kept).split()
    return " ".join(word for word in words if word not in ARTICLES), framed_end


def _mended(text: str) -> str:
    return _GARBLED.sub(" ", _ELLIPSIS.sub("…", _APOSTROPHE.sub("’", text)))


def _without_start(text: str) -> str:
    kept = _RETWEETS.sub("", text)
    kept = _LINKS.sub(" ", kept).strip()
    if kept[:1] in "@.":
        kept = _without_addressed(kept)
    return _OUTLET_FIRST.sub("", kept)


def _without_end(kept: str) -> str:
    while True:
        before = kept
        if "#" in kept:
            kept = _NEUTRAL_TAGS.sub("", kept)
        lowered = kept[-60:].lower()
        if "via" in lowered or "by" in lowered or "h/t" in lowered:
            kept = _SOURCE.sub("", kept)
        if "@" in kept and not _about_a_name(kept):
            kept = _NAMES_AT_END.sub("", kept)
        if "|" in kept or " -" in kept or "–" in kept or "—" in kept:
            kept = _OUTLET_LAST.sub("", kept)
        if kept == before:
            return kept


def _without_addressed(text: str) -> str:
    found = _ADDRESSED.match(text)
    if found is None:
        return text
    follows = found.group(3)
    verb = follows[:1].islower() and _VERB.match(follows) and follows not in _NO_VERB
    if verb and ":" not in found.group(2):
        return text
    return text[found.start(3) :]


_JOINING = re.compile(
    rf"\b(?:to|by|of|from|for|with|on|in|at|and|or|is|are|about|against|like|than|"
    rf"ask|tell|thank|thanks|vote|stop|trust|believe|blame|support|join|call)[\s:]+(?:{_NAME}[\s,]*)+"
    r"[\s.,!?…]*$",
    re.IGNORECASE,
)


def _about_a_name(text: str) -> bool:
    """Tell whether the names at the end belong to the sentence: "… than @someone"."""
    return _JOINING.search(text) is not None
