"""What a wheel carries besides the package; an editable install reads these from the checkout, so it gets no copies."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

INTO = "resnet_viz/_app"  # where `resnet_viz.files` looks first


class CarryTheApp(BuildHookInterface):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version != "editable":
            carried = ("app.py", "pages", "assets", ".streamlit/config.toml")
            build_data["force_include"] |= {name: f"{INTO}/{name}" for name in carried}
