import os
from datetime import timedelta
from pathlib import Path

import page_project
import pytest
from opened import Opener, words
from sqlalchemy import Engine, select

from db import jobs
from db.clock import steady
from db.schema import LabelExample
from db.sessions import reading, writing
from db.settings import Settings
from labeling import creating, importing

CSV = "sentiment,message,tweetid\n1,the sea *rises*,1\n9,no such label,2\n0,=2+5,3\n"


def _upload(at, content: str | bytes, name: str = "tweets.csv"):
    body = content if isinstance(content, bytes) else content.encode()
    at.file_uploader[0].upload(name, body, "text/csv")
    return at.run()


def _box(at, name: str):
    """A select of the file at hand: each file has its own."""
    (found,) = (box for box in at.selectbox if str(box.key).startswith(f"{name}_"))
    return found


def _newest_import(project: int, engine: Engine):
    with reading(engine) as session:
        return jobs.recent_jobs(project, session=session, kind="import", limit=1)[0]


def test_the_page_says_what_is_there_and_what_is_left(project: int, open_page: Opener) -> None:
    at = open_page("data")
    assert not at.exception
    assert not at.error
    assert "160 tweets" in at.text[0].value
    assert "reviewed by a person" in at.text[0].value


def test_an_upload_shows_first_rows_guessed_columns_and_what_will_happen(
    project: int, open_page: Opener
) -> None:
    at = _upload(open_page("data", data_view="Bring in a file"), CSV)
    assert not at.exception
    assert _box(at, "data_text").value == "message"
    assert _box(at, "data_id").value == "tweetid"
    assert _box(at, "data_label").value == "sentiment"
    assert "become gold labels (source: imported)" in words(at)
    assert "the sea *rises*" in at.dataframe[0].value["message"].tolist()


def test_another_file_is_asked_for_its_own_columns(project: int, open_page: Opener) -> None:
    at = _upload(open_page("data", data_view="Bring in a file"), "message,tweetid\na,1\n")
    assert _box(at, "data_label").value == "no label column"
    at.file_uploader[0].set_value(("other.csv", CSV.encode(), "text/csv")).run()
    assert _box(at, "data_label").value == "sentiment"


@pytest.mark.parametrize("row", ["2,b, extra", "2"])
def test_a_row_that_is_none_is_no_reason_to_show_none(
    project: int, open_page: Opener, row: str
) -> None:
    at = _upload(open_page("data", data_view="Bring in a file"), f"id,text\n1,a\n{row}\n3,c\n")
    assert not at.exception
    assert at.dataframe[0].value["text"].tolist()[::2] == ["a", "c"]


def test_an_upload_of_json_lines_says_that_it_is_read_as_such(
    project: int, open_page: Opener
) -> None:
    lines = '{"text": "the sea rises", "id": 12}\n{"text": "ice", "id": 13, "label": "1"}\n'
    at = _upload(open_page("data", data_view="Bring in a file"), lines, "tweets.jsonl")
    assert not at.exception
    assert "2 rows, read as JSON lines in utf-8" in words(at)
    assert [_box(at, f"data_{role}").value for role in ("text", "id", "label")] == [
        "text",
        "id",
        "label",
    ]
    assert at.dataframe[0].value["id"].tolist() == ["12", "13"]


def test_bringing_in_queues_a_job_on_a_file_named_by_the_server(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = _upload(open_page("data", data_view="Bring in a file"), CSV, "../../evil name.csv")
    next(button for button in at.button if button.label == "Bring in 3 rows").click().run()
    assert not at.exception
    params = _newest_import(project, engine).params
    kept = Settings.from_environment().data / params["path"]
    assert kept.parent == Settings.from_environment().uploads
    assert kept.stem.isalnum()
    assert kept.read_text() == CSV
    assert params["columns"] == {"text": "message", "id": "tweetid", "label": "sentiment"}


def test_a_file_in_another_encoding_is_refused_and_asks_for_it(
    project: int, open_page: Opener, engine: Engine
) -> None:
    body = "message,tweetid\nDie Erde wärmt sich,1\n".encode("cp1252")
    at = _upload(open_page("data", data_view="Bring in a file"), body)
    assert not at.exception
    assert "encod" in at.error[0].value.lower()
    _box(at, "data_encoding").set_value("cp1252").run()
    assert not at.error
    assert "Die Erde wärmt sich" in at.dataframe[0].value["message"].tolist()
    _box(at, "data_label").select("no label column").run()
    assert not at.error  # it stays chosen
    next(button for button in at.button if button.label == "Bring in 1 row").click().run()
    assert _newest_import(project, engine).params["encoding"] == "cp1252"


def test_an_empty_file_is_refused_in_words(project: int, open_page: Opener) -> None:
    at = _upload(open_page("data", data_view="Bring in a file"), b"")
    assert not at.exception
    assert at.error


def test_one_column_for_two_things_is_refused_and_nothing_is_queued(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = _upload(open_page("data", data_view="Bring in a file"), CSV)
    _box(at, "data_id").set_value("message").run()
    next(button for button in at.button if button.label == "Bring in 3 rows").click().run()
    assert "two things" in at.error[0].value
    with reading(engine) as session:
        assert not jobs.recent_jobs(project, session=session, kind="import")


def test_the_outcome_of_an_import_counts_rejects_and_offers_them(
    project: int, open_page: Opener, engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "more.csv"
    file.write_text(CSV, encoding="utf-8")
    report = importing.import_file(file, engine=engine, project_name="Climate stance")
    with writing(engine) as session:
        job = jobs.enqueue(project, "import", {"file_name": "more.csv"}, session=session)
        job.state, job.result = "succeeded", report.to_json()
    at = open_page("data", data_view="Bring in a file")
    assert not at.exception
    assert "2 brought in" in words(at)
    assert "1 rejected" in words(at)
    assert at.download_button[0].label == "Download 1 reject"


def test_who_watched_an_import_reads_its_outcome_beside_the_tweets(
    project: int, open_page: Opener, engine: Engine
) -> None:
    counts = {"rows": 3, "accepted": 2, "groups": 2, "duplicates": 0, "rejected": 1, "batch_id": 1}
    with writing(engine) as session:
        job = jobs.enqueue(project, "import", {"file_name": "more.csv"}, session=session)
        job.state, job.pid, job_id = "running", os.getpid(), job.id
        job.lease_until = steady(session) + timedelta(minutes=10)
    at = open_page("data")
    with writing(engine) as session:
        job = jobs.get_job(job_id, session=session)
        job.state, job.result = "succeeded", counts
    assert "2 brought in" in words(at.run())
    assert "2 brought in" not in words(open_page("data"))


def test_words_and_filters_narrow_the_table(modelled: int, open_page: Opener) -> None:
    at = open_page("data", find_words="hoax for $q$")
    assert not at.exception
    assert "40 tweets fit" in words(at)
    assert all("hoax" in text for text in at.dataframe[0].value["Tweet"])
    at.selectbox(key="find_state").select("no gold label").run()
    assert set(at.dataframe[0].value["Gold"]) == {""}


def test_a_bad_pattern_is_a_message(modelled: int, open_page: Opener) -> None:
    at = open_page("data", find_words="(sea")
    at.toggle(key="find_regex").set_value(True).run()
    assert not at.exception
    assert "cannot be used" in at.error[0].value


def test_pages_of_the_table_can_be_turned(modelled: int, open_page: Opener) -> None:
    at = open_page("data")
    first = at.dataframe[0].value["Tweet"].tolist()
    at.session_state["find_page"] = 2
    at.run()
    assert not at.exception
    assert at.dataframe[0].value["Tweet"].tolist() != first


@pytest.mark.parametrize("change", ["words", "sort"])
def test_another_search_or_order_begins_on_its_first_page(
    change: str, modelled: int, open_page: Opener
) -> None:
    at = open_page("data")
    at.session_state["find_page"] = 2
    at.run()
    assert at.session_state["find_page"] == 2
    if change == "words":
        at.text_input(key="find_words").set_value("place").run()
    else:
        at.selectbox(key="find_sort").select_index(1).run()
    assert not at.exception
    assert at.session_state["find_page"] == 1
    assert "160 tweets fit" in words(at)


def test_a_selection_is_not_one_of_another_project(
    modelled: int, open_page: Opener, engine: Engine, tmp_path: Path
) -> None:
    file = page_project.write_tweets(tmp_path / "up.csv")
    other = page_project.make_project(engine, file, name="Up")
    at = open_page("data", project="Climate stance")
    first = at.dataframe[0].proto.id
    at.button(key=f"relabel_project_picker_{other}").click().run()
    assert at.dataframe[0].proto.id != first


def test_annotators_see_tweets_but_bring_nothing_in(project: int, open_page: Opener) -> None:
    at = open_page("data", person="Ben", data_view="Bring in a file")
    assert "takes an admin" in words(at)
    assert not at.file_uploader


def test_tweets_without_a_classifier_can_be_pre_labelled(
    project: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("data")
    next(button for button in at.button if button.label == "Pre-label the tweets").click().run()
    assert not at.exception
    with reading(engine) as session:
        assert jobs.recent_jobs(project, session=session, kind="train")
    assert "could not be started" in at.error[0].value


def test_a_tweet_has_a_page_of_its_own(modelled: int, open_page: Opener, engine: Engine) -> None:
    at = open_page("data", tweet="600002")
    assert not at.exception
    assert "id 600002" in words(at)
    assert "It stands for itself only" in words(at)
    at.button(key="example_of_1").click().run()
    assert not at.exception
    with reading(engine) as session:
        assert [one.label for one in session.scalars(select(LabelExample))] == ["1"]
    missing = open_page("data", tweet="9")
    assert "No tweet of this project has the id" in words(missing)


def test_another_project_is_opened_on_its_list_not_on_a_tweet_of_the_first(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    with writing(engine) as session:
        other = creating.create_project("Up", session=session, template="climate").id
    at = open_page("data", tweet="600002", project="Climate stance")
    at.button(key=f"relabel_project_picker_{other}").click().run()
    assert not at.exception
    assert "No tweets yet" in words(at)
    assert dict(at.query_params) == {"project": "Up"}


def test_tweets_of_a_retired_label_are_found_though_another_has_its_name(
    modelled: int, open_page: Opener, engine: Engine
) -> None:
    at = open_page("data", find_label="Pro")
    fitting = next(text for text in words(at).splitlines() if "tweets fit" in text)
    page_project.give_pro_another_value(engine, modelled)
    at = open_page("data")
    at.selectbox(key="find_label").select("Pro (1, retired)").run()
    assert not at.exception
    assert fitting in words(at)
    assert set(at.dataframe[0].value["Gold"]) == {"Pro (1, retired)"}
    at.selectbox(key="find_label").select("Pro").run()
    assert "0 tweets fit" in words(at)


def test_a_search_is_in_the_address(modelled: int, open_page: Opener) -> None:
    at = open_page(
        "data", find_label="Pro", find_split="train", find_regex="true", find_words=r"place \d"
    )
    assert not at.exception
    table = at.dataframe[0].value
    assert set(table["Gold"]) == {"Pro"}
    assert set(table["Split"]) == {"train"}


def test_a_probe_that_became_due_while_the_first_model_was_made_is_started_once(
    project: int, open_page: Opener, engine: Engine
) -> None:
    page_project.add_version(engine, project, "zero_shot", quality=0.2, current=True)
    at = open_page("data")
    assert not at.exception

    def trainings() -> list[str]:
        with reading(engine) as session:
            found = jobs.recent_jobs(project, session=session, kind="train", limit=9)
            return [job.params["config"]["kind"] for job in found]

    assert trainings() == ["probe", "zero_shot"]
    at.run()
    open_page("models")
    assert trainings() == ["probe", "zero_shot"]


def test_a_spreadsheet_is_refused_by_a_sentence_that_says_what_to_do(
    project: int, open_page: Opener
) -> None:
    at = open_page("data", data_view="Bring in a file")
    at.file_uploader(key="data_upload").set_value(
        ("tweets.xlsx", b"PK\x03\x04 not a CSV", "application/octet-stream")
    ).run()
    assert not at.exception
    assert "this is a spreadsheet" in at.error[0].value.lower()
    assert not [box for box in at.selectbox if "encoding" in box.key]  # none would help
