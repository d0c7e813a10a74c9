"""Charts. Label colours are for labels; everything else is the one accent or grey.

Each chart takes plain values and returns an altair chart; the theme's colours are Streamlit's.
aria=False: marks that may still be empty; the page gives each chart a text of its own.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd
import streamlit as st

from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.wording import percent
from trainer.metrics import Metrics

ACCENTS = {"light": "#4A5CC4", "dark": "#8794F0"}
GREYS = {"light": "#5F6673", "dark": "#A3ABB8"}
INK = {"light": "#1F2430", "dark": "#E4E7EC"}


def _pick(colors: Mapping[str, str]) -> str:
    kind = st.context.theme.type
    return colors["dark" if kind == "dark" else "light"]


def accent() -> str:
    """Return the accent of the theme on screen."""
    return _pick(ACCENTS)


def _readable(chart: Any) -> Any:
    """Return a chart whose axes and legends can be read: Streamlit's grey is too light for them."""
    grey = _pick(GREYS)
    axes = chart.configure_axis(labelColor=grey, titleColor=grey)
    return axes.configure_legend(labelColor=grey, titleColor=grey)


def _label_axis(labels: LabelSet, values: list[str]) -> tuple[Any, Any]:
    names = labels.names(values)
    scale = alt.Scale(domain=names, range=labels.colors(values))
    # Unflushed: else the first label sits lower than its bar.
    axis = alt.Axis(labelOverlap=False, labelFlush=False)
    y = alt.Y("label:N", sort=names, title=None, axis=axis)
    return y, alt.Color("label:N", scale=scale, legend=None)


def shares(labels: LabelSet, counts: Mapping[str, int]) -> Any:
    """Draw tweets per label as bars with counts and shares. counts: label value -> tweets."""
    total = max(sum(counts.values()), 1)
    values = list(dict.fromkeys([*labels.values, *counts]))
    rows = [
        {
            "label": labels.name(value),
            "tweets": counts.get(value, 0),
            "text": f"{counts.get(value, 0):,} · {percent(counts.get(value, 0) / total)}",
        }
        for value in values
    ]
    y, color = _label_axis(labels, values)
    widest = max([1, *counts.values()])
    x = alt.X("tweets:Q", axis=None, scale=alt.Scale(domain=[0, widest * 1.3]))
    base = alt.Chart(pd.DataFrame(rows)).encode(y=y, x=x)
    words = base.mark_text(align="left", dx=4, color=_pick(INK)).encode(text="text:N")
    bars = base.mark_bar(height=14, cornerRadiusEnd=2).encode(color=color)
    return _readable((bars + words).properties(height=26 * len(values)))


def probabilities(labels: LabelSet, found: Mapping[str, float]) -> Any:
    """Draw what a model says of one tweet. found: label value -> probability."""
    values = list(found)
    rows = [
        {"label": labels.name(value), "share": share, "text": percent(share)}
        for value, share in found.items()
    ]
    y, color = _label_axis(labels, values)
    x = alt.X("share:Q", axis=None, scale=alt.Scale(domain=[0, 1.35]))
    base = alt.Chart(pd.DataFrame(rows)).encode(y=y, x=x)
    words = base.mark_text(align="left", dx=4, color=_pick(INK)).encode(text="text:N")
    bars = base.mark_bar(height=12, cornerRadiusEnd=2).encode(color=color)
    return _readable((bars + words).properties(height=24 * len(values)))


def _epoch_axis(total: float) -> Any:
    # Fixed from the start, so that nothing on the page rescales while it is looked at.
    axis = alt.Axis(tickMinStep=0.5)
    return alt.X("epoch:Q", title="epoch", axis=axis, scale=alt.Scale(domain=[0, total]))


def losses(
    steps: Sequence[Mapping[str, float]], epochs: Sequence[Mapping[str, Any]], *, total: float
) -> Any:
    """Draw training and validation loss over `total` epochs. steps: {"step", "epoch", "loss"}."""
    rows: list[dict[str, Any]] = [
        {"epoch": point["epoch"], "loss": point["loss"], "curve": "training"} for point in steps
    ]
    for row in epochs:
        loss = row["metrics"].get("loss", row["metrics"].get("log_loss"))
        rows.append({"epoch": row["epoch"], "loss": loss, "curve": "validation"})
    names = ["training", "validation"]
    base = alt.Chart(pd.DataFrame(rows, columns=["epoch", "loss", "curve"])).encode(
        x=_epoch_axis(total),
        y=alt.Y("loss:Q", title="loss", scale=alt.Scale(domainMin=0)),
        color=alt.Color(
            "curve:N",
            scale=alt.Scale(domain=names, range=[_pick(GREYS), accent()]),
            legend=alt.Legend(orient="top", title=None),
        ),
        tooltip=[alt.Tooltip("epoch", format=".2f"), alt.Tooltip("loss", format=".3f"), "curve"],
    )
    lines = base.mark_line(strokeWidth=2, aria=False)
    points = base.transform_filter(alt.datum.curve == "validation").mark_point(
        filled=True, size=45, aria=False
    )
    return _readable((lines + points).properties(height=240))


def macro_f1(
    epochs: Sequence[Mapping[str, Any]],
    current: float | None,
    number: int | None,
    *,
    total: float,
) -> Any:
    """Draw validation macro-F1 over epochs, with the current version's level as a dashed line."""
    rows = [
        {"epoch": row["epoch"], "macro-F1": row["metrics"].get("macro_f1")}
        for row in epochs
        if row["metrics"].get("macro_f1") is not None
    ]
    base = alt.Chart(pd.DataFrame(rows, columns=["epoch", "macro-F1"])).encode(
        x=_epoch_axis(total),
        y=alt.Y("macro-F1:Q", title="macro-F1 (validation)", scale=alt.Scale(domain=[0, 1])),
        tooltip=[alt.Tooltip("epoch", format=".2f"), alt.Tooltip("macro-F1", format=".3f")],
    )
    chart = base.mark_line(color=accent(), strokeWidth=2, aria=False) + base.mark_point(
        color=accent(), filled=True, size=45, aria=False
    )
    if current is not None:
        level = alt.Chart(pd.DataFrame([{"y": current, "name": f"version {number}, current"}]))
        grey = _pick(GREYS)
        chart += level.mark_rule(strokeDash=[5, 4], color=grey).encode(y="y:Q")
        chart += level.mark_text(align="left", x=6, dy=-7, color=grey).encode(y="y:Q", text="name")
    return _readable(chart.properties(height=240))


def confusion(metrics: Metrics, labels: LabelSet) -> Any:
    """Draw the confusion matrix: counts and row shares; darker means a larger share of its row."""
    rows = []
    for truth, line in zip(metrics.labels, metrics.confusion, strict=True):
        for predicted, count in zip(metrics.labels, line, strict=True):
            share = count / sum(line) if sum(line) else 0.0
            rows.append(
                {
                    "gold label": labels.name(truth),
                    "predicted": labels.name(predicted),
                    "count": count,
                    "share": share,
                    "shown": percent(share),
                }
            )
    names = labels.names(metrics.labels)
    base = alt.Chart(pd.DataFrame(rows)).encode(
        x=alt.X(
            "predicted:N",
            sort=names,
            axis=alt.Axis(orient="top", labelAngle=0, labelFlush=False),
        ),
        y=alt.Y("gold label:N", sort=names, axis=alt.Axis(labelFlush=False)),
        tooltip=["gold label", "predicted", "count", alt.Tooltip("share", format=".1%")],
    )
    cells = base.mark_rect(color=accent(), cornerRadius=2).encode(
        # Never darker than 0.6, so that the same ink can be read on every cell.
        opacity=alt.Opacity(
            "share:Q", scale=alt.Scale(domain=[0, 1], range=[0.04, 0.6]), legend=None
        )
    )
    ink = _pick(INK)
    counts = base.mark_text(fontSize=14, dy=-8, color=ink).encode(
        text=alt.Text("count", format=",")
    )
    shares_ = base.mark_text(fontSize=11, dy=9, color=ink).encode(text="shown:N")
    return _readable((cells + counts + shares_).properties(height=72 * len(names) + 60))


def label_scores(metrics: Metrics, labels: LabelSet) -> Any:
    """Draw each label's recall as a bar with its 95% interval; precision on hover."""
    rows = []
    for value in metrics.labels:
        scores = metrics.per_class[value]
        low, high = scores.recall_interval or (None, None)
        rows.append(
            {
                "label": labels.name(value),
                "recall": scores.recall,
                "low": low,
                "high": high,
                "precision": scores.precision,
                "support": scores.support,
            }
        )
    y, color = _label_axis(labels, metrics.labels)
    base = alt.Chart(pd.DataFrame(rows)).encode(y=y)
    x = alt.X("recall:Q", title="recall, with its 95% interval", scale=alt.Scale(domain=[0, 1]))
    tips = ["label", alt.Tooltip("recall", format=".3f"), alt.Tooltip("precision", format=".3f")]
    bars = base.mark_bar(height=16, cornerRadiusEnd=2, opacity=0.75).encode(
        x=x, color=color, tooltip=[*tips, "support"]
    )
    whiskers = base.mark_rule(strokeWidth=2, color=_pick(INK)).encode(x="low:Q", x2="high:Q")
    return _readable((bars + whiskers).properties(height=38 * len(rows) + 30))


def reliability(metrics: Metrics) -> Any:
    """Draw accuracy against confidence; on the diagonal a confidence means what it says."""
    rows = [
        {"confidence": one.confidence, "accuracy": one.accuracy, "tweets": one.count}
        for one in metrics.reliability
        if one.count
    ]
    unit = alt.Scale(domain=[0, 1])
    diagonal = alt.Chart(pd.DataFrame({"a": [0, 1], "b": [0, 1]})).mark_line(
        strokeDash=[5, 4], color=_pick(GREYS), strokeWidth=1
    )
    base = alt.Chart(pd.DataFrame(rows, columns=["confidence", "accuracy", "tweets"])).encode(
        x=alt.X("confidence:Q", title="mean confidence", scale=unit),
        y=alt.Y("accuracy:Q", title="share that is right", scale=unit),
    )
    line = base.mark_line(color=accent(), strokeWidth=2)
    points = base.mark_circle(color=accent(), opacity=1).encode(
        size=alt.Size("tweets:Q", legend=None, scale=alt.Scale(range=[20, 260])),
        tooltip=[
            alt.Tooltip("confidence", format=".3f"),
            alt.Tooltip("accuracy", format=".3f"),
            "tweets",
        ],
    )
    return _readable((diagonal.encode(x="a:Q", y="b:Q") + line + points).properties(height=260))


def histogram(edges: Sequence[float], counts: Sequence[int]) -> Any:
    """Draw how many tweets have which confidence. edges (n + 1), counts (n)."""
    rows = [
        {"from": low, "to": high, "tweets": count}
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
    ]
    return _readable(
        alt.Chart(pd.DataFrame(rows))
        .mark_bar(color=accent(), binSpacing=1)
        .encode(
            x=alt.X("from:Q", bin="binned", title="confidence of the suggestion"),
            x2="to:Q",
            y=alt.Y("tweets:Q", title=None, axis=alt.Axis(tickCount=3, format="~s")),
            tooltip=["from", "to", alt.Tooltip("tweets", format=",")],
        )
        .properties(height=130)
    )


def over_time(days: Sequence[Mapping[str, Any]], labels: LabelSet) -> Any:
    """Draw answers per day, stacked by label. days: {"day", "label", "answers"}."""
    values = labels.values
    rows = [{**day, "label": labels.name(day["label"])} for day in days]
    scale = alt.Scale(domain=labels.names(values), range=labels.colors(values))
    return _readable(
        alt.Chart(pd.DataFrame(rows, columns=["day", "label", "answers"]))
        .mark_bar()
        .encode(
            x=alt.X("day:O", title=None, axis=alt.Axis(labelAngle=0, labelOverlap=True)),
            y=alt.Y("answers:Q", title="answers"),
            color=alt.Color("label:N", scale=scale, legend=alt.Legend(orient="top", title=None)),
            tooltip=["day:O", "label", "answers"],
        )
        .properties(height=200)
    )


def learning_curve(points: Sequence[Mapping[str, Any]], fitted: Sequence[Mapping[str, Any]]) -> Any:
    """Draw scores at growing numbers of labels, and the law through them with its band.

    points: {"labels", "mean", "low", "high"} over seeds; fitted: {"labels", "value", "low",
    "high"}, one further right than the last point.
    """
    x = alt.X("labels:Q", title="labels", scale=alt.Scale(type="log", nice=False))
    y = alt.Y("score:Q", title="macro-F1 (validation)", scale=alt.Scale(zero=False))
    law = pd.DataFrame(
        [{**row, "score": row["value"]} for row in fitted],
        columns=["labels", "score", "low", "high"],
    )
    seen = pd.DataFrame(
        [{**row, "score": row["mean"]} for row in points],
        columns=["labels", "score", "low", "high"],
    )
    told = [
        alt.Tooltip("labels", format=","),
        *(alt.Tooltip(name, format=".3f") for name in ("score", "low", "high")),
    ]
    base = alt.Chart(law).encode(x=x)
    band = base.mark_area(color=accent(), opacity=0.15, aria=False).encode(y="low:Q", y2="high:Q")
    line = base.mark_line(color=accent(), strokeWidth=2, aria=False).encode(y=y)
    measured = alt.Chart(seen).encode(x=x)
    bars = measured.mark_rule(color=_pick(GREYS), aria=False).encode(y="low:Q", y2="high:Q")
    dots = measured.mark_point(color=_pick(INK), filled=True, size=55, opacity=1).encode(
        y=y, tooltip=told
    )
    return _readable((band + line + bars + dots).properties(height=260))
