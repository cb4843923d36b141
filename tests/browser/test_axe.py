"""axe-core finds nothing to mend in what is ours, on any page, light or dark. What Streamlit draws itself is left out by rule."""

from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"
PAGES = ("", "learn", "inside", "explain", "runs", "gradients", "lesions", "landscape", "sweeps")
READY = "[data-testid=stApp][data-test-connection-state=CONNECTED][data-test-script-state=notRunning]"
# What Streamlit's own elements break, which no page can mend: its toolbar, menus, sliders, tables and their labels.
STREAMLITS = {
    "aria-allowed-attr", "aria-input-field-name", "aria-required-children", "aria-required-parent", "aria-valid-attr-value",
    "button-name", "landmark-one-main", "label", "nested-interactive", "region", "scrollable-region-focusable", "list",
    "listitem", "landmark-unique", "aria-progressbar-name", "color-contrast",
}  # fmt: skip
OURS = (".rv-", ".js-plotly-plot", ".st-key-header")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_of_ours(chromium, server, scheme) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not fetched: say make stage")
    context = chromium.new_context(
        viewport={"width": 1440, "height": 810}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.set_default_timeout(240_000)
    found = []
    for name in PAGES:
        page.goto(f"{server.url}/{name}")
        page.wait_for_selector(".rv-says h1")
        page.wait_for_selector(READY)
        page.add_script_tag(path=AXE)
        for violation in page.evaluate("axe.run().then(result => result.violations)"):
            for node in violation["nodes"]:
                target = " ".join(map(str, node["target"]))
                ours = any(part in target or part.strip(".") in node["html"] for part in OURS)
                if ours or violation["id"] not in STREAMLITS:
                    found.append((name, violation["id"], target, node["html"][:120]))
    context.close()
    assert found == []
