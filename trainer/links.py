"""Twitter's links shortened: t.co and ten random letters say nothing, and cost eleven tokens.

Every link of a tweet reads https://t.co/… whatever it leads to, and a retweet cut at 140 letters
often ends within one. Both become the one word "http", as in the tweets that TweetEval's models
learnt from (Barbieri et al. 2020). Links to named sites stay: their words can tell something.

What shortens is a rule of the tokenizer's own, so that a packaged model does it, too.
"""

from typing import Any

from tokenizers import Regex, normalizers

# No repetition stands within another: no text makes it slow.
LINK = r"https?:(?://t\.co/\w*|[/t.co]*(?=…))"
WORD = "http"


def shorten_links(tokenizer: Any) -> None:
    """Make a tokenizer read Twitter's links as one word; one that is not fast stays as it is.

    That is BERTweet's, whose own rules do so.
    """
    if tokenizer.is_fast:
        own = tokenizer.backend_tokenizer.normalizer
        rules = [normalizers.Replace(Regex(LINK), WORD), *([own] if own else [])]
        tokenizer.backend_tokenizer.normalizer = normalizers.Sequence(rules)
