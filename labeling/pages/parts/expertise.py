"""Which labels each person knows best."""

import streamlit as st

from db.project_settings import ProjectSettings
from db.sessions import reading
from labeling import people
from labeling.pages.parts import label_set, resources
from labeling.pages.parts.plain import plain


def fields(stored: ProjectSettings, project_id: int, place: str) -> dict[str, list[str]]:
    """Draw a choice of labels for each active person; return who knows which afterwards.

    place: what tells these fields from those of another project or of an earlier form.
    """
    labels = label_set.load(project_id)
    with reading(resources.engine()) as session:
        everybody = [one for one in people.list_people(session=session) if one.active]
    found = dict(stored.expertise)
    with st.expander("Who knows which labels best"):
        st.caption(
            "Tweets that the model takes for one of these labels go to that person first. "
            "Others get them when nothing else is left."
        )
        for one in everybody:
            known = [
                value for value in stored.expertise.get(str(one.id), []) if value in labels.values
            ]
            chosen = st.multiselect(
                plain(one.name),
                labels.values,
                known,
                format_func=labels.name,
                key=f"settings_expertise_{one.id}_{place}",
                placeholder="No label of their own",
            )
            if chosen != known:
                found[str(one.id)] = [str(value) for value in chosen]
    return {number: known for number, known in found.items() if known}
