"""The guidelines' examples, as people read them; with a way to take one away."""

import streamlit as st

from db import projects
from db.schema import Annotator
from db.sessions import reading, writing
from labeling import examples
from labeling.pages.parts import context, errors, label_set, notice, resources
from labeling.pages.parts.label_set import LabelSet
from labeling.pages.parts.plain import plain


def draw(page: context.PageContext, *, editable: bool = False) -> None:
    """Draw the examples of each label; `editable` adds a button to take one away."""
    labels = label_set.load(page.project_id)
    with reading(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        found = examples.examples_of(project, session=session)
    for label in labels.active:
        mine = [one for one in found if one.label == label.value]
        if mine:
            st.markdown(f"**{plain(label.name)}, for example**")
        for one in mine:
            row = st.container(horizontal=True, vertical_alignment="center", gap="small")
            row.text(one.text)
            if (
                editable
                and page.may("adjudicate")
                and row.button("Take away", key=f"example_{one.tweet_id}", type="tertiary")
            ):
                with errors.shown():
                    _remove(page, one.tweet_id)
    if editable and not found:
        st.caption("No examples yet: add one from the card's guide, or from a tweet on Data.")


def adding(page: context.PageContext, tweet_id: int, labels: LabelSet) -> None:
    """Draw a button that makes a tweet an example of a label."""
    if not page.may("adjudicate"):
        return
    with st.popover("Add as an example of", icon=":material/lightbulb:", type="tertiary"):
        for label in labels.active:
            if st.button(plain(label.name), key=f"example_of_{label.value}", width="stretch"):
                with errors.shown():
                    with writing(resources.engine()) as session:
                        project = projects.get_project(page.project_name, session=session)
                        person = session.get_one(Annotator, page.annotator_id)
                        examples.add_example(
                            project, tweet_id, label.value, person, session=session
                        )
                    notice.leave(f"An example of {label.name} in the guidelines now.")
                    st.rerun()


def _remove(page: context.PageContext, tweet_id: int) -> None:
    with writing(resources.engine()) as session:
        project = projects.get_project(page.project_name, session=session)
        person = session.get_one(Annotator, page.annotator_id)
        examples.remove_example(project, tweet_id, person, session=session)
    notice.leave("The example is taken away.")
    st.rerun()
