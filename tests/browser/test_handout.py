"""The offline handout: the stage in one file, opened from the disk."""

import numpy as np
import pytest

from resnet_viz.publish import handout
from tests.synthetic import twins

pytestmark = pytest.mark.browser


def test_handout_works_from_disk_without_a_network(chromium, tmp_path) -> None:
    records = twins()
    (tmp_path / "handout.html").write_text(handout.handout(records), encoding="utf-8")
    context = chromium.new_context(offline=True)
    page = context.new_page()
    asked, errors = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto((tmp_path / "handout.html").as_uri())
    page.wait_for_selector(".rv-stage[data-ready] .rv-fan .main-svg")
    # The slider drives the fan: at the first step the plain net's first block shows that step's ratio.
    page.locator(".rv-slider").fill("1")
    gradients = records[1].series["grad_block"][1][0]
    lines = "document.querySelector('.rv-fan .rv-plot').data.filter(t => t.meta?.role === 'line')"
    page.wait_for_function(f"Math.abs({lines}[1].y[0] - {float(np.log10(gradients[0] / gradients[-1]))}) < 0.001")
    page.click(".rv-tab[data-tab=engineer]")
    page.wait_for_selector(".rv-engineer .main-svg")
    context.close()
    assert not errors
    assert len(asked) == 1
