"""Who may do what. Enforced here and in the functions that act, not in pages.

Each role may do all that the one before it may (docs/roles.md, which a test walks):
annotator  answer, browse, see their own history
reviewer   decide disagreements, label, skip, queue and flag in bulk, see people's figures
admin      everything: settings, labels, imports, exports, training, promotion, people, the log
"""

from sqlalchemy.orm import Session

from db.accounts import ROLES
from db.schema import Annotator
from labeling.errors import PermissionRefused

__all__ = ["ACTIONS", "ROLES", "allow", "may", "require", "require_of"]

# The least role for each action.
ACTIONS = {
    "answer": "annotator",
    "browse": "annotator",
    "review": "reviewer",
    "adjudicate": "reviewer",
    "bulk": "reviewer",
    "see_people": "reviewer",
    "import": "admin",
    "export": "admin",
    "train": "admin",
    "promote": "admin",
    "prelabel": "admin",
    "edit_labels": "admin",
    "edit_settings": "admin",
    "edit_guidelines": "admin",
    "create_project": "admin",
    "delete_project": "admin",
    "manage_people": "admin",
    "see_audit": "admin",
}


def may(role: str, action: str) -> bool:
    """Tell whether a role allows an action. Raises PermissionRefused for an unknown action."""
    if action not in ACTIONS:
        raise PermissionRefused(f"{action!r} is no action that anybody may do")
    return role in ROLES and ROLES.index(role) >= ROLES.index(ACTIONS[action])


def require(role: str, action: str) -> None:
    """Raise PermissionRefused unless the role allows the action."""
    if not may(role, action):
        raise PermissionRefused(
            f"the role {role!r} may not {action.replace('_', ' ')}; it takes "
            f"{ACTIONS[action]!r}. An admin can change roles in Settings."
        )


def require_of(annotator: Annotator, action: str) -> None:
    """Raise PermissionRefused unless this person is active and their role allows the action."""
    if not annotator.active:
        raise PermissionRefused(f"{annotator.name!r} is no longer active; ask an admin")
    require(annotator.role, action)


def allow(annotator_id: int | None, action: str, *, session: Session) -> None:
    """Raise PermissionRefused unless the person with this number may do the action.

    None: the server's own command line, or the app by itself; whoever may use that could change
    the store's file anyway. Pages always name the person (tests/test_page_calls.py).
    """
    if annotator_id is None:
        return
    person = session.get(Annotator, annotator_id)
    if person is None:
        raise PermissionRefused("this person is not known here any more; sign in again")
    require_of(person, action)
