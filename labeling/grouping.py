"""When two tweets are the same: what is set aside before texts are compared.

Set aside: the retweet prefix, addresses, case, punctuation, and how a cut-off text ends. Kept:
every word (so negation counts), numbers with their sign, per cent signs, and emoji, because
each of them can turn a tweet's stance round.
"""

import html
import re
from hashlib import blake2b

_RETWEETS = re.compile(r"^\s*(?:(?:rt|mt)\s+@\w+\s*:?\s*)+", re.IGNORECASE)
_ADDRESSES = re.compile(r"(?:https?://|www\.|pic\.twitter\.com/)\S*", re.IGNORECASE)
# A retweet is cut at a fixed length, often inside its address: "ht…", "https:/…".
_CUT_ADDRESS = re.compile(r"\bht{1,2}p?s?:?/{0,2}(?:…|\.\.\.)\s*$", re.IGNORECASE)
_APOSTROPHES = re.compile("['’‘ʼ`´\ufe0f]+")
# A minus is part of a number only where no word or number stands before it: "-2", not "1-2".
_MINUS = re.compile(r"(?<![\w%)])[-−](?=\d)")
# "…" whose UTF-8 was read as Windows-1252, once or twice; corpora that were mended badly hold it.
_GARBLED_ELLIPSIS = re.compile("Ã¢â‚¬Â¦|â€¦")
_SIGN = "\ue000"
_PUNCTUATION = re.compile(
    r"[\s!-$&-/:-@\[-`{-~¡-©«-±´¶-¸»¿\u2000-\u206f\u2e00-\u2e7f\u3000-\u303f！-／：-＠]+"
)
_RETWEET = re.compile(r"^\s*rt\s+@\w+", re.IGNORECASE)
_CUT_OFF = re.compile(r"(?:…|\.\.\.)\s*$")


def normalise(text: str) -> str:
    """Return what is compared of a text: words, numbers and emoji, joined by single blanks.

    A text of which nothing is left (an address alone, mere punctuation) stays as it is, in
    lower case, so that unlike texts of that kind do not fall into one group.
    """
    kept = html.unescape(text) if "&" in text else text
    if "â" in kept:
        kept = _GARBLED_ELLIPSIS.sub("…", kept)
    kept = _RETWEETS.sub("", kept)
    if "/" in kept or "www." in kept:
        kept = _ADDRESSES.sub(" ", kept)
    if kept.rstrip().endswith(("…", "...")):
        kept = _CUT_ADDRESS.sub(" ", kept)
    kept = _APOSTROPHES.sub("", kept)
    if "-" in kept or "−" in kept:
        kept = _MINUS.sub(_SIGN, kept)
    kept = _PUNCTUATION.sub(" ", kept).strip().replace(_SIGN, "-").casefold()
    return kept or " ".join(text.casefold().split())


def text_key(text: str) -> str:
    """Return the digest of the normalised text: 32 hexadecimal digits; equal for duplicates."""
    return blake2b(normalise(text).encode(), digest_size=16).hexdigest()


def own_key(tweet_id: int) -> str:
    """Return the key of a group that a person split off for one tweet; no text has it.

    Random like the others: the queue draws groups at random by walking along their keys.
    """
    return blake2b(f"own:{tweet_id}".encode(), digest_size=16, person=b"own group").hexdigest()


def is_retweet(text: str) -> bool:
    """Tell whether a text begins like a retweet."""
    return _RETWEET.match(text) is not None


def is_cut_off(text: str) -> bool:
    """Tell whether a retweet was cut off: it ends in an ellipsis that Twitter put there."""
    return is_retweet(text) and _CUT_OFF.search(text) is not None
