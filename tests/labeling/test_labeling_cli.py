import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from db.engine import make_engine
from db.schema import Tweet
from db.sessions import reading
from db.settings import Settings
from labeling.cli import main

HEADER = "sentiment,message,tweetid\n"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RELABEL_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("RELABEL_DATABASE_URL", raising=False)
    return tmp_path


@pytest.fixture
def tweets(data: Path) -> Path:
    path = data / "tweets.csv"
    path.write_text(HEADER + "1,the ice melts,1\n,RT @a: The ice melts!,2\n7,what,3\n-1,hoax,1\n")
    return path


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    capsys.readouterr()  # what came before
    code = main([*map(str, arguments), "--json"])
    printed = capsys.readouterr()
    assert code == 0, printed.err
    assert printed.out.count("\n") == 1
    result: dict[str, Any] = json.loads(printed.out)
    return result


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    capsys.readouterr()  # what came before
    assert main([*map(str, arguments)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Traceback" not in printed.err
    last = printed.err.rstrip("\n").split("\n")[-1]
    assert last.startswith("error: ")
    return last


def test_create_import_status_and_export_in_a_fresh_installation(
    capsys: pytest.CaptureFixture[str], tweets: Path
) -> None:
    run(capsys, "create", "p", "--template", "climate")
    report = run(capsys, "import", tweets, "--project", "p")
    assert {name: report[name] for name in ("rows", "accepted", "duplicates", "rejected")} == {
        "rows": 4,
        "accepted": 2,
        "duplicates": 1,
        "rejected": 1,
    }
    assert report["groups"] == 1
    state = run(capsys, "status", "--project", "p")
    assert (state["tweets"], state["groups"], state["reviewed"]) == (2, 1, 0)
    assert state["gold"] == {"imported": 1}
    assert sum(state["splits"].values()) == 2
    assert set(state["splits"]) == {"train", "validation", "test"}
    assert (state["predictions"], state["current_model"]) == (0, None)
    out = tweets.parent / "out.csv"
    assert run(capsys, "export", out, "--project", "p") == {"rows": 1, "path": str(out)}
    assert out.read_text().startswith(HEADER.rstrip() + ",label_name,")


def test_regrouping_a_project_says_what_it_did(
    capsys: pytest.CaptureFixture[str], tweets: Path
) -> None:
    run(capsys, "create", "p")
    run(capsys, "import", tweets, "--project", "p")
    report = run(capsys, "regroup", "--project", "p")
    assert report == {"before": 1, "after": 1, "merged": 0, "kept_apart": 0}
    assert "no project" in refused(capsys, "regroup", "--project", "q")


def test_refused_rows_are_shown_and_written_where_asked(
    capsys: pytest.CaptureFixture[str], tweets: Path
) -> None:
    main(["create", "p"])
    rejects = tweets.parent / "rejects.csv"
    assert main(["import", str(tweets), "--project", "p", "--rejects", str(rejects)]) == 0
    printed = capsys.readouterr()
    assert "refused: line 4, column 'sentiment': the label '7' is unknown" in printed.err
    assert "rejected: 1" in printed.out
    assert rejects.read_text().startswith("line,column,reason,raw\n4,sentiment,")


def test_columns_are_chosen_by_name(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    path = data / "other.csv"
    path.write_text("a,b,c\n1,hello,pro\n")
    main(["create", "p"])
    assert "no column looks like the text" in refused(capsys, "import", path, "--project", "p")
    columns = ["--text-column", "b", "--id-column", "a", "--label-column", "c"]
    assert run(capsys, "import", path, "--project", "p", *columns)["accepted"] == 1
    assert "no column 'z'" in refused(capsys, "import", path, "--project", "p", *columns[:5], "z")


def test_own_labels_come_from_a_file(capsys: pytest.CaptureFixture[str], data: Path) -> None:
    labels = data / "labels.csv"
    labels.write_text("value,name\nyes,Yes\nno,No\n")
    run(capsys, "create", "p", "--labels", labels)
    assert set(run(capsys, "status", "--project", "p")["labels"]) == {"yes", "no"}
    labels.write_text("value,name\n")
    assert "0 labels" in refused(capsys, "create", "q", "--labels", labels)


def test_each_refusal_is_one_clear_line(
    capsys: pytest.CaptureFixture[str], tweets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tweets.parent / "none.csv"
    assert "python -m db upgrade" in refused(capsys, "status", "--project", "p")
    main(["create", "p"])
    assert "'p' exists" in refused(capsys, "create", "p")
    assert "no project is called 'q'; there are: 'p'" in refused(
        capsys, "import", tweets, "--project", "q"
    )
    assert "none.csv cannot be read" in refused(capsys, "import", missing, "--project", "p")
    assert "is a directory" in refused(capsys, "export", tweets.parent, "--project", "p")
    empty = tweets.parent / "empty.csv"
    empty.write_text("")
    assert "empty" in refused(capsys, "import", empty, "--project", "p")
    monkeypatch.setenv("RELABEL_ENGINE", "moon")
    assert "RELABEL_ENGINE is 'moon'" in refused(capsys, "status", "--project", "p")


def test_a_refused_import_leaves_no_row_in_the_store(
    capsys: pytest.CaptureFixture[str], data: Path
) -> None:
    main(["create", "p"])
    bad = data / "bad.csv"
    bad.write_bytes(HEADER.encode() + b"1,fine,1\n1,caf\xe9,2\n")
    assert "line 3" in refused(capsys, "import", bad, "--project", "p")
    with reading(make_engine(Settings.from_environment().database_url)) as session:
        assert session.scalar(select(func.count()).select_from(Tweet)) == 0


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["fly"],
        ["create"],
        ["import", "f.csv"],
        ["create", "p", "--template", "weather"],
        ["create", "p", "--template", "climate", "--labels", "f.csv"],
        ["export", "f", "--project", "p", "--format", "xlsx"],
        ["export", "f", "--project", "p", "--rows", "some"],
        ["status"],
    ],
)
def test_wrong_use_exits_with_two(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2


@pytest.mark.parametrize("command", ["create", "import", "prelabel", "regroup", "status", "export"])
def test_every_command_explains_itself(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out


def test_the_module_runs_as_a_program_without_loading_a_model(tweets: Path) -> None:
    program = "import sys, labeling.cli; print('torch' in sys.modules, 'streamlit' in sys.modules)"
    light = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert light.stdout.split() == [b"False", b"False"]
    command = [sys.executable, "-m", "labeling", "status", "--project", "p"]
    ended = subprocess.run(command, capture_output=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(b"error: ")


def test_refused_rows_do_not_overwrite_what_is_there(
    capsys: pytest.CaptureFixture[str], tweets: Path, data: Path
) -> None:
    run(capsys, "create", "p", "--template", "climate")
    before = tweets.read_text()
    given = ("import", tweets, "--project", "p", "--rejects")
    assert "is the file to import" in refused(capsys, *given, tweets)
    assert "the database in use" in refused(capsys, *given, data / "data" / "relabel.db")
    assert "cannot be written" in refused(capsys, *given, data / "nowhere" / "rejects.csv")
    assert tweets.read_text() == before
    assert run(capsys, "status", "--project", "p")["tweets"] == 0, "refused before anything"
    assert run(capsys, *given, data / "rejects.csv")["rejected"] == 1
