"""Twitter's links shortened: t.co and ten random letters say nothing, and cost a dozen tokens.

Every link of a tweet reads https://t.co/… whatever it leads to, and a retweet cut at 140 letters
often ends within one. Both become the one word "http", as in the tweets that TweetEval's models
learnt from (Barbieri et al. 2020). Links to named sites stay: their words can tell something.

What shortens is a rule of the tokenizer's own, so that a packaged model does it, too. Models name
the rule "short" and take it from here: another rule would need another name.
"""

import json
from typing import Any

from tokenizers import Regex, normalizers

# A link, or the beginning of one before an ellipsis, be it garbled by a wrong encoding. No
# repetition stands within another: no text makes it slow.
_CUT = "[/t.co]*(?=…|â€¦|Ã¢â‚¬Â¦)"
_LINK = rf"https?:(?>//t\.co/[A-Za-z0-9]{{0,10}}|{_CUT})"
RULES = ((_LINK + r"(?=\w)", "http "), (_LINK, "http"))  # apart from what is glued to it


def rule_of(links: str) -> str:
    """What vectors of texts with such links depend on; empty for whole ones."""
    return repr(RULES) if links == "short" else ""


def set_links(tokenizer: Any, links: str) -> None:
    """Make a tokenizer read Twitter's links short or whole; one that is not fast stays as it is.

    That is BERTweet's, to which every link is one word anyway.
    """
    if not tokenizer.is_fast:
        return
    backend = tokenizer.backend_tokenizer
    rules = _own_rules(backend.normalizer)
    if links == "short":
        ours = [normalizers.Replace(Regex(pattern), word) for pattern, word in RULES]
        backend.normalizer = normalizers.Sequence([*ours, *rules])
    elif backend.normalizer is not None:
        backend.normalizer = normalizers.Sequence(rules)


def _own_rules(normalizer: Any) -> list[Any]:
    """A tokenizer's rules without ours, which a packaged model's file brings along."""
    if normalizer is None:
        return []
    if not isinstance(normalizer, normalizers.Sequence):
        return [normalizer]
    patterns = [pattern for pattern, _ in RULES]
    rules = [normalizer[place] for place in range(len(normalizer))]
    return [rule for rule in rules if _pattern(rule) not in patterns]


def _pattern(rule: Any) -> str | None:
    pattern = json.loads(rule.__getstate__()).get("pattern")
    return pattern.get("Regex") if isinstance(pattern, dict) else None
