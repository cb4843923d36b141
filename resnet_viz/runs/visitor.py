"""Who asks the store: whose runs they see, and which they may stop, rename and delete. Only the store asks this."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Visitor:
    """Somebody at a page of a server that others use too. ``name`` is what the runs that they start are kept under.

    ``mode``: "class", where runs that are shared, or were started on the machine itself (owner ""), are seen by all; or "demo",
    where nobody sees another's. ``teacher``: sees and may do everything.
    """

    name: str
    mode: str
    teacher: bool = False

    @property
    def sees(self) -> tuple[str, tuple[str, ...]]:
        """The condition, in SQL, of the runs that are seen, and its values."""
        if self.teacher:
            return "1", ()
        if self.mode == "class":
            return "(owner = ? OR owner = '' OR shared)", (self.name,)
        return "owner = ?", (self.name,)

    def may_change(self, owner: str) -> bool:
        """Whether they may stop, rename, share or delete a run of this owner's."""
        return self.teacher or owner == self.name
