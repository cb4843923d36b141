"""The one kind of error that is for the person who uses the app. Anything else is a bug, and is logged with its traceback."""

from __future__ import annotations

from resnet_viz.language import tr


class UserError(Exception):
    """What is wrong, with the value, and what to do: one sentence, an English text and the values of its placeholders.

    It is translated when it is shown, as any marked text is. Every other error class of this project is a child of it.

    One wrapper for pages (`ui.frame`), one for the command line (`cli.main`) and one for workers (`workers.worker`) show it.
    """

    def __init__(self, text: object = "", **values: object) -> None:
        """``text``: see `language.tr`."""
        super().__init__(text)
        self.text, self.values = str(text), values

    def __str__(self) -> str:
        return tr(self.text, **self.values)


def first_line(error: BaseException) -> str:
    """What somebody else's error says, in one line for a sentence of ours; its class where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
