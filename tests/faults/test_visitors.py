"""Many visitors at once, over Streamlit's own socket: none is in the other's way."""

import asyncio
import signal

import pytest

from resnet_viz.runs.store import Store
from resnet_viz.spec.run import RunSpec
from tests.browser.conftest import free_port, serve
from tests.visitors import Visitor


@pytest.mark.slow
def test_twenty_sessions_that_begin_with_the_server_all_get_their_page(tmp_path) -> None:
    """What a server's first pages import, they import side by side."""
    store = Store(tmp_path / "runs")
    (run,) = store.create([(RunSpec(), 10)])
    store.want(run, "stop")

    async def visit(page: str, wait: float) -> list[str]:
        await asyncio.sleep(wait)
        async with Visitor(server.url) as visitor:
            await visitor.open(page)
            return visitor.errors

    async def all_visit() -> list[list[str]]:
        pages = ["lesions", "landscape", "sweeps", "runs", "twins"] * 4
        return await asyncio.gather(*(visit(page, 0.05 * number) for number, page in enumerate(pages)))

    server = serve(tmp_path, free_port())
    try:
        errors = asyncio.run(all_visit())
    finally:
        server.process.send_signal(signal.SIGINT)
        server.process.wait(20)
    assert errors == [[]] * 20
