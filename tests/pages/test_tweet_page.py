"""A tweet's own page."""

from opened import Opener, words
from sqlalchemy import Engine, select

from db.schema import Annotator, Project, Tweet
from db.sessions import writing
from labeling.answering import record
from labeling.asking import Answer


def test_a_comment_that_was_taken_away_is_not_shown_as_one(
    project: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        tweet_id = session.scalars(select(Tweet.id).where(Tweet.external_id == "600002")).one()
        ada = session.scalars(select(Annotator).where(Annotator.name == "Ada")).one()
        sent = [
            Answer(key=key, kind="comment", tweet_id=tweet_id, comment=comment)
            for key, comment in (("a", "oops"), ("b", ""))
        ]
        record(sent, session.get_one(Project, project), ada, session=session)
    said = words(open_page("data", tweet="600002"))
    assert "Ada: comment: oops" in said
    assert "Ada: comment taken away" in said
