"""The one kind of error that is for the person who uses the app. Anything else is a bug, and is logged with its traceback."""

from __future__ import annotations


class UserError(Exception):
    """What is wrong, with the value, and what to do: one sentence. Every other error class of this project is a child of it.

    One wrapper for pages (`ui.frame`), one for the command line (`cli.main`) and one for workers (`workers.worker`) show it.
    """
