"""The style by which everyone can read and reach the pages: contrast, focus, targets for fingers, less motion."""

from __future__ import annotations

# Streamlit writes captions at 60 % of the text's colour, 4.1:1 on white, and white on the dark theme's blue, 3.4:1; WCAG asks
# for 4.5:1. The focus ring's blue has 3:1 and more on both pages, which is asked of what is no text. Fingers find 44 pixels (WCAG
# 2.5.5): what is drawn smaller, such as a help sign, has an invisible margin that takes the tap.
CSS = """
div[data-testid="stCaptionContainer"] { opacity: 0.74; }
button[data-testid^="stBaseButton-primary"]:not(:disabled), span[data-tag] { background-color: #0072b2; }
[data-testid="stTopNavLink"]:focus-visible, [data-testid="stSidebarNavLink"]:focus-visible,
.stPlotlyChart:focus-visible { outline: 2px solid #2f93d1; outline-offset: 1px; border-radius: 4px; }
[data-testid="stPopoverBody"]:has([role="tablist"]) { width: min(33rem, 94vw); }
@media (pointer: coarse) {
  :is(button, summary, [role="tab"], [data-testid="stSidebarNavLink"], [data-testid="stRadioOption"], .stCheckbox label):not(
    [aria-label^="Help"], [data-tag] *) { min-height: 44px; align-items: center; }
  button:not([aria-label^="Help"], .stSelectbox *, .stMultiSelect *) { min-width: 44px; }
  :is(.stSelectbox, .stMultiSelect, .stNumberInput, .stTextInput) input { min-height: 44px; }
  .stNumberInput div:has(> input) { height: auto; }
  :is(button[aria-label^="Help"], [data-tag] button) { position: relative; }
  :is(button[aria-label^="Help"], [data-tag] button, .stSlider div:has(> div > input))::after {
    content: ""; position: absolute; top: 50%; left: 50%; width: 44px; height: 44px; transform: translate(-50%, -60%);
  }
}
@media (prefers-reduced-motion: reduce) {
  *, ::before, ::after {
    transition-duration: 0s !important; animation-duration: 0.01ms !important; scroll-behavior: auto !important;
  }
}
"""
