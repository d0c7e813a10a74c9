import pytest
from opened import Opener, words


def test_an_admin_sees_who_did_what(project: int, open_page: Opener) -> None:
    at = open_page("settings", settings_part="Log")
    assert not at.exception
    table = at.dataframe[0].value
    assert "create project" in set(table["Act"])
    assert "entries." in words(at)
    assert not table["What"].str.contains("[{}]", regex=True).any()
    at.selectbox(key="settings_log_kind").set_value("import").run()
    assert set(at.dataframe[0].value["Act"]) == {"import"}


@pytest.mark.parametrize("person", ["Ben"])
def test_the_log_is_closed_to_others(person: str, project: int, open_page: Opener) -> None:
    at = open_page("settings", person, settings_part="Log")
    assert "The log is for admins" in words(at)
    assert not at.dataframe
