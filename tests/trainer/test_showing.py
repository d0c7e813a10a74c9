"""What the commands print for people: each number that another command asks for."""

from trainer.showing import show_models, show_run

SCORES = {"macro_f1": 0.7, "accuracy": 0.75, "n": 1859, "intervals": {"macro_f1": (0.66, 0.74)}}


def test_a_finished_training_names_its_version_and_its_run():
    result = {"version": 4, "run": 9, "state": "candidate", "metrics": {"validation": SCORES}}
    shown = show_run({**result, "seconds": 157.2, "tweets_per_second": 91.4})
    assert shown.splitlines() == [
        "version 4 (run 9) is candidate",
        "  validation: macro-F1 0.700 (95% 0.660 to 0.740), accuracy 0.750, on 1,859 labels",
        "  157 s, 91 tweets a second",
    ]


def test_versions_are_listed_with_their_runs():
    fine = {"version": 4, "state": "candidate", "kind": "fine_tuned", "run": 9}
    guess = {"version": 1, "state": "retired", "kind": "zero_shot", "run": None, "metrics": {}}
    shown = show_models({"versions": [{**fine, "metrics": {"validation": SCORES}}, guess]})
    assert shown.splitlines() == [
        "   4  candidate  fine_tuned  run 9    validation macro-F1 0.700",
        "   1  retired    zero_shot   no run   no score yet",
    ]
    assert "no model version yet" in show_models({"versions": []})
