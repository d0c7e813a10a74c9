"""What a hub name would fetch is said before it is fetched, whether or not the hub answers."""

from types import SimpleNamespace

import pytest

from trainer.config import BUNDLED_BASE_MODEL
from trainer.hub import planned_download


@pytest.mark.parametrize("name", [BUNDLED_BASE_MODEL, "/nowhere", "a b", "..", "./x"])
def test_what_is_no_hub_name_fetches_nothing(name):
    assert planned_download(name) is None


def test_a_directory_fetches_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    assert planned_download("model") is None


def test_without_an_answer_the_address_and_the_files_are_named(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    found = planned_download("nobody/nothing")
    assert (found.address, found.megabytes, found.here) == (
        "huggingface.co/nobody/nothing",
        None,
        False,
    )
    assert "model.safetensors" in found.files


def test_with_an_answer_the_sizes_of_what_is_fetched_are_summed(monkeypatch):
    files = {"config.json": 1000, "model.safetensors": 439_999_000, "pytorch_model.bin": 10**9}
    siblings = [SimpleNamespace(rfilename=name, size=size) for name, size in files.items()]
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(
        "huggingface_hub.HfApi.model_info", lambda *_, **__: SimpleNamespace(siblings=siblings)
    )
    found = planned_download("nobody/nothing")
    assert found.files == ("config.json", "model.safetensors")
    assert found.megabytes == 440.0
