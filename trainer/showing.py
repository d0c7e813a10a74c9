"""What the trainer's commands print for people; with --json the same facts go out as they are."""

from collections.abc import Mapping
from typing import Any

Result = Mapping[str, Any]


def show_leakage(result: Result) -> str:
    """Both kinds of split in one sentence."""
    grouped, random = result["grouped"], result["random"]
    return (
        f"macro-F1 of the probe on test, mean of {len(grouped['macro_f1'])} seeds: "
        f"{grouped['mean']:.3f} split by duplicate group, {random['mean']:.3f} split at random; "
        f"at random {random['seen']:.0%} of the test tweets have a copy in training"
    )


def show_curve(result: Result) -> str:
    """One line a point, and what more labels would bring."""
    lines = [
        f"{point['labels']:>7,} labels  macro-F1 {point['mean']:.3f} "
        f"({point['low']:.3f} to {point['high']:.3f} over seeds)"
        for point in result["points"]
    ]
    gain = result["gain"]
    if gain:
        lines.append(
            f"{result['more']:,} more would likely add {gain['value']:+.3f} "
            f"({gain['low']:+.3f} to {gain['high']:+.3f})"
        )
    return "\n".join(lines)


def show_run(result: Result) -> str:
    """A finished training: the version and its scores."""
    lines = [f"version {result['version']} (run {result['run']}) is {result['state']}"]
    for split, scores in result["metrics"].items():
        low, high = scores["intervals"]["macro_f1"]
        lines.append(
            f"  {split}: macro-F1 {scores['macro_f1']:.3f} (95% {low:.3f} to {high:.3f}), "
            f"accuracy {scores['accuracy']:.3f}, on {scores['n']:,} labels"
        )
    rate = result["tweets_per_second"]
    return "\n".join([*lines, f"  {result['seconds']:.0f} s, {rate:,.0f} tweets a second"])


def show_models(result: Result) -> str:
    """One line a version, with the run that `reproduce` asks for."""
    lines = []
    for version in result["versions"]:
        scores = version["metrics"].get("validation")
        f1 = f"validation macro-F1 {scores['macro_f1']:.3f}" if scores else "no score yet"
        run = f"run {version['run']}" if version["run"] else "no run"
        about = f"{version['state']:<9}  {version['kind']:<10}  {run:<7}"
        lines.append(f"{version['version']:>4}  {about}  {f1}")
    return "\n".join(lines) or "no model version yet; run: python -m trainer run --project …"


def show_scores(result: Result) -> str:
    """The headline scores on a file."""
    low, high = result["intervals"]["macro_f1"]
    return (
        f"macro-F1 {result['macro_f1']:.3f} (95% {low:.3f} to {high:.3f}), "
        f"accuracy {result['accuracy']:.3f}, on {result['n']:,} labels"
    )


def show_package(result: Result) -> str:
    """Where the model went and how to load it."""
    return f"written to {result['path']}; load it with {result['loader']}"


def show_reproduction(result: Result) -> str:
    """Whether a second training reached the same scores, and which differ."""
    if result["matches"]:
        return f"run {result['run']} reached the same metrics again"
    lines = [
        f"  {score['split']} {score['name']}: {score['stored']} then, {score['again']} now"
        for score in result["scores"]
        if score["stored"] != score["again"]
    ]
    return "\n".join([f"run {result['run']} did NOT reach the same metrics:", *lines])
