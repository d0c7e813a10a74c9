from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from db.errors import ConflictError, InvalidSettingError
from db.projects import get_project, labels_of, settings_of
from db.schema import AuditEntry
from db.sessions import reading, writing
from labeling.creating import (
    active_labels,
    create_project,
    edit_labels,
    set_guidelines,
    update_settings,
)
from labeling.errors import LabelError
from labeling.label_files import read_labels
from labeling.templates import NewLabel

YES_NO = [NewLabel("yes", "Yes"), NewLabel("no", "No")]


def test_the_climate_template_has_the_labels_of_the_seed_data(engine: Engine, climate: str) -> None:
    with reading(engine) as session:
        labels = labels_of(get_project(climate, session=session), session=session)
        assert [(label.value, label.name, label.hotkey, label.color) for label in labels] == [
            ("-1", "Anti", "1", "#D55E00"),
            ("0", "Neutral", "2", "#8C8C8C"),
            ("1", "Pro", "3", "#009E73"),
            ("2", "News", "4", "#0072B2"),
        ]
        assert all(len(label.description) > 20 for label in labels)


def test_labels_made_by_hand_get_hotkeys_and_colours(engine: Engine) -> None:
    with writing(engine) as session:
        project = create_project("mine", session=session, labels=YES_NO)
        labels = labels_of(project, session=session)
        assert [label.hotkey for label in labels] == ["1", "2"]
        assert len({label.color for label in labels}) == 2
        assert project.template is None


def test_a_name_is_taken_once(engine: Engine, climate: str) -> None:
    with pytest.raises(ConflictError, match="'climate' exists"), writing(engine) as session:
        create_project(climate, session=session, labels=YES_NO)


@pytest.mark.parametrize(
    "labels, complaint",
    [
        ([], "0 labels"),
        ([NewLabel("a", "A")], "1 label;"),
        ([NewLabel(str(n), f"L{n}") for n in range(10)], "10 labels"),
        ([NewLabel("a", "A"), NewLabel("a", "B")], "value 'a'"),
        ([NewLabel("a", "Same"), NewLabel("b", "Same")], "name 'Same';"),
        ([NewLabel("a", "Same"), NewLabel("b", "same")], "name 'Same' \\(capitals do not count"),
        ([NewLabel("a", "A", hotkey="1"), NewLabel("b", "B", hotkey="1")], "hotkey '1'"),
        ([NewLabel("a", "A", hotkey="s"), NewLabel("b", "B")], "hotkey of label 'a' is 's'"),
        ([NewLabel("", "A"), NewLabel("b", "B")], "must not be blank"),
        ([NewLabel("a", "A", color="red"), NewLabel("b", "B")], "colour of label 'a' is 'red'"),
        ([NewLabel("=1+1", "A"), NewLabel("b", "B")], "formula"),
        ([NewLabel("a\0", "A"), NewLabel("b", "B")], "control characters"),
        ([NewLabel("a", "A" * 65), NewLabel("b", "B")], "65 characters"),
    ],
)
def test_an_unusable_label_set_is_refused(
    engine: Engine, labels: list[NewLabel], complaint: str
) -> None:
    with pytest.raises(LabelError, match=complaint), writing(engine) as session:
        create_project("mine", session=session, labels=labels)


@pytest.mark.parametrize("name", ["", "  ", " a", "a\nb", "\u202ea", "x" * 65])
def test_an_unusable_project_name_is_refused(engine: Engine, name: str) -> None:
    with pytest.raises(LabelError, match="project's name"), writing(engine) as session:
        create_project(name, session=session, labels=YES_NO)


def test_an_unknown_template_is_refused_naming_those_that_exist(engine: Engine) -> None:
    with pytest.raises(LabelError, match="climate"), writing(engine) as session:
        create_project("mine", session=session, template="weather")


def test_edited_labels_keep_their_rows_and_missing_ones_are_retired(
    engine: Engine, climate: str
) -> None:
    with writing(engine) as session:
        project = get_project(climate, session=session)
        ids = {label.value: label.id for label in labels_of(project, session=session)}
        wanted = [NewLabel("1", "For", hotkey="1"), NewLabel("-1", "Against"), NewLabel("9", "New")]
        after = edit_labels(project, wanted, session=session)
        assert [(label.value, label.name) for label in after] == [
            ("1", "For"),
            ("-1", "Against"),
            ("9", "New"),
        ]
        assert after[0].id == ids["1"]
        retired = labels_of(project, session=session, active=False)
        assert {label.value for label in retired} == {"-1", "0", "1", "2", "9"}


def test_each_change_leaves_an_audit_entry_with_before_and_after(
    engine: Engine, climate: str
) -> None:
    with writing(engine) as session:
        project = get_project(climate, session=session)
        set_guidelines(project, "# Read twice", session=session)
        update_settings(project, {"overlap": 2, "blind_share": 0.1}, session=session)
        edit_labels(project, YES_NO, session=session)
    with reading(engine) as session:
        entries = session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [entry.action for entry in entries] == [
        "create project",
        "set guidelines",
        "change settings",
        "edit labels",
    ]
    assert entries[1].detail["after"] == "# Read twice"
    assert entries[2].detail == {"overlap": {"before": 1, "after": 2}}
    assert [label["value"] for label in entries[3].detail["after"]] == ["yes", "no"]


def test_an_unknown_setting_or_a_wrong_value_changes_nothing(engine: Engine, climate: str) -> None:
    with pytest.raises(LabelError, match="no setting 'overlp'"), writing(engine) as session:
        update_settings(get_project(climate, session=session), {"overlp": 2}, session=session)
    with pytest.raises(InvalidSettingError, match="overlap"), writing(engine) as session:
        update_settings(get_project(climate, session=session), {"overlap": 0}, session=session)


def test_guidelines_that_are_too_long_are_refused(engine: Engine, climate: str) -> None:
    with pytest.raises(LabelError, match="50,001"), writing(engine) as session:
        set_guidelines(get_project(climate, session=session), "x" * 50_001, session=session)


def test_labels_are_read_from_csv_and_json(tmp_path: Path) -> None:
    csv_file, json_file = tmp_path / "labels.csv", tmp_path / "labels.json"
    csv_file.write_text('value,name,description,colour\n-1,Anti,"no, never",#112233\n1,,,\n')
    json_file.write_text('[{"value": 0, "name": "None"}, {"value": "b"}]')
    assert read_labels(csv_file) == [
        NewLabel("-1", "Anti", "no, never", color="#112233"),
        NewLabel("1", "1"),
    ]
    assert read_labels(json_file) == [NewLabel("0", "None"), NewLabel("b", "b")]


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"name\nAnti\n", "no column 'value'"),
        (b"value,shape\n1,round\n", "'shape' is no part"),
        (b"value,name\n,Anti\n", "line 2: the label has no value"),
        (b"value,name\n1,Anti,more\n", "line 2 of the label file has too many fields"),
        (b'["a"]', "label 1 in the file is 'a'"),
        (b"[{]", "not JSON"),
        (b"value\n\xff\n", "not UTF-8"),
        (b'[{"value": null}]', "label 1: the label has no value"),
        (b'[{"value": true}]', "label 1: True is neither text nor a number"),
        (b'[{"value": ["x"]}]', "neither text nor a number"),
        (b'[{"value": "\\ud83c"}]', "half a character"),
        (b"[" * 100_000, "not JSON"),
        (b"name,value\nAnti\n", "line 2: the label has no value"),
        (b"value,value\n1,2\n", "two columns called 'value'"),
        (b"\nvalue,name\n1,Anti\n", "first line must be"),
        (b"value\n" + b"x" * 5_000_000 + b"\n", "of the label file: field larger"),
    ],
)
def test_an_unusable_label_file_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(LabelError, match=complaint):
        read_labels(path)


def test_a_missing_label_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(LabelError, match=r"nowhere\.csv cannot be read"):
        read_labels(tmp_path / "nowhere.csv")


def test_settings_that_were_not_changed_against_what_was_shown_stay_as_stored(
    engine: Engine, climate: str
) -> None:
    with writing(engine) as session:
        project = get_project(climate, session=session)
        shown = settings_of(project)
        update_settings(project, {"daily_goal": 77}, session=session)
        wanted = {"daily_goal": shown.daily_goal, "overlap": 2}
        after = update_settings(project, wanted, shown=shown, session=session)
        assert (after.daily_goal, after.overlap) == (77, 2)
        with pytest.raises(ConflictError, match="changed daily goal in the meantime"):
            update_settings(project, {"daily_goal": 5}, shown=shown, session=session)


def test_labels_and_guidelines_that_are_others_than_shown_are_not_overwritten(
    engine: Engine, climate: str
) -> None:
    with writing(engine) as session:
        project = get_project(climate, session=session)
        shown = active_labels(project, session=session)
        edit_labels(project, shown[1:], shown=shown, session=session)
        with pytest.raises(ConflictError, match="changed the labels in the meantime"):
            edit_labels(project, shown, shown=shown, session=session)
        text = project.guidelines
        set_guidelines(project, "Mine.", shown=text, session=session)
        with pytest.raises(ConflictError, match="changed the guidelines in the meantime"):
            set_guidelines(project, "Yours.", shown=text, session=session)
        assert project.guidelines == "Mine."
