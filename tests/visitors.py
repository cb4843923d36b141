"""Visitors without a browser: sessions over Streamlit's own socket, which open pages, tick as a browser does, and click."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.asyncio.client import ClientConnection, connect


@dataclass
class Visitor:
    """One session: what it was told so far, and the fragments of its page that tick."""

    url: str
    cookie: str = ""
    socket: ClientConnection | None = None
    errors: list[str] = field(default_factory=list)
    ticks: list[float] = field(default_factory=list)  # seconds from asking for one to its end
    buttons: dict[str, str] = field(default_factory=dict)  # a button's label → its id
    said: Counter = field(default_factory=Counter)
    page_hash: str = ""
    fragments: dict[str, float] = field(default_factory=dict)
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    asked: float = 0.0

    async def __aenter__(self) -> Visitor:
        headers = {"Cookie": self.cookie} if self.cookie else None
        self.socket = await connect(
            self.url.replace("http", "ws") + "/_stcore/stream", origin=self.url, additional_headers=headers,
            subprotocols=["streamlit"], max_size=None, open_timeout=60, ping_timeout=None,
        )  # fmt: skip
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *error: object) -> None:
        self._reader.cancel()
        await self.socket.close()

    async def open(self, page: str, query: str = "", within: float = 120) -> None:
        """Open a page and wait until it is drawn."""
        self.fragments.clear()
        self.buttons.clear()
        self.page_hash = ""
        message = BackMsg()
        message.rerun_script.page_name, message.rerun_script.query_string = page, query
        await self._ask(message, within)

    async def click(self, label: str, within: float = 120) -> None:
        """Click a button by its label."""
        message = self._rerun()
        state = message.rerun_script.widget_states.widgets.add()
        state.id, state.trigger_value = self.buttons[label], True
        await self._ask(message, within)

    async def tick(self, seconds: float, every: float = 0.4) -> None:
        """Stay on the page for so long; whatever of it ticks does so."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(every)
            for fragment in list(self.fragments):
                message = self._rerun()
                message.rerun_script.fragment_id = fragment
                message.rerun_script.is_auto_rerun = True
                begun = time.monotonic()
                await self._ask(message, 120)
                self.ticks.append(time.monotonic() - begun)

    def _rerun(self) -> BackMsg:
        message = BackMsg()
        message.rerun_script.page_script_hash = self.page_hash
        return message

    async def _ask(self, message: BackMsg, within: float) -> None:
        self.finished.clear()
        await self.socket.send(message.SerializeToString())
        drawn = asyncio.create_task(self.finished.wait())
        done, _ = await asyncio.wait((drawn, self._reader), timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._reader in done:
            self._reader.result()  # what broke, or nothing: the server has closed the socket
            raise ConnectionError("the server has closed the session")
        if not done:
            raise TimeoutError(f"not drawn within {within:g} s")

    async def _read(self) -> None:
        async for raw in self.socket:
            message = ForwardMsg.FromString(raw)
            kind = message.WhichOneof("type")
            if kind == "new_session":
                self.page_hash = message.new_session.page_script_hash
            elif kind == "auto_rerun":
                self.fragments[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "stop_auto_rerun":
                self.fragments.pop(message.stop_auto_rerun.fragment_id, None)
            elif kind == "script_finished":
                if message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                    self.finished.set()
            elif kind == "delta" and message.delta.WhichOneof("type") == "new_element":
                element = message.delta.new_element
                what = element.WhichOneof("type")
                if what == "exception":
                    self.errors.append(f"{element.exception.type}: {element.exception.message}")
                elif what == "alert":
                    self.said[element.alert.body] += 1
                    if "bug of ResNet Viz" in element.alert.body:
                        self.errors.append(element.alert.body)
                elif what == "button":
                    self.buttons[element.button.label] = element.button.id
                elif what == "html":
                    self.said[element.html.body] += 1
