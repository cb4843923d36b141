// Charts that stand still, on pages that need no server: a choice among views, each a sentence and a chart.

import { element } from "./dom.js";
import { alternative } from "./labels.js";
import { dress, readTheme } from "./theme.js";

const CONFIG = { displayModeBar: false, responsive: false };

// Fill a section of such a page. `views`: [{ label, sentence, aside, height, figure }], one of which is shown; `slider`: what the
// labels count, where one moves along them rather than choosing. A chart is drawn once its section comes near the window.
export function still(root, { views, slider, palette }) {
  const sentence = element("p", "rv-sentence", { role: "status" }), aside = element("small", "rv-aside");
  const title = element("span", "rv-title"), hint = element("span", "rv-hint"), plot = element("div", "rv-still", { role: "img" });
  const scroller = element("div", "rv-scroll", {}, plot);
  let shown = slider ? views.length - 1 : 0, near = false;
  const show = (number) => {
    const view = views[(shown = number)];
    sentence.replaceChildren(`${view.sentence} `, aside);
    aside.textContent = view.aside;
    title.textContent = view.figure.layout.meta.title;
    hint.textContent = view.figure.layout.meta.hint;
    plot.style.height = `${view.height}px`;
    plot.setAttribute("aria-label", alternative(view.figure.layout));
    draw();
  };
  const draw = () => {
    const { figure, height } = views[shown], { width } = plot.getBoundingClientRect();
    if (!near || width < 50) return;
    const layout = structuredClone(figure.layout), traces = figure.data.map((trace) => ({ ...trace }));
    const { coloraxis } = layout; // on an axis of their own, colours mean something on their own: they stay
    dress(layout, traces, readTheme(root), palette);
    Object.assign(layout, { width, height, coloraxis });
    window.Plotly.react(plot, traces, layout, CONFIG);
  };
  root.append(controls(views, slider, shown, show), sentence, element("header", "rv-header", {}, title, hint), scroller);
  show(shown);
  new IntersectionObserver(([entry]) => {
    if (near || !entry.isIntersecting) return;
    near = true;
    draw();
  }, { rootMargin: "400px" }).observe(root);
  new ResizeObserver(draw).observe(scroller);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
}

function controls(views, slider, first, show) {
  if (views.length === 1) return element("span", "");
  if (slider) {
    const readout = element("span", "rv-readout", {}, `${views[first].label} ${slider}`);
    const range = element("input", "rv-slider", { type: "range", min: 0, max: views.length - 1, value: first, "aria-label": slider });
    range.oninput = () => {
      readout.textContent = `${views[range.value].label} ${slider}`;
      show(+range.value);
    };
    return element("div", "rv-bar", {}, range, readout);
  }
  const buttons = views.map((view, number) => {
    const button = element("button", "rv-tab", { type: "button", role: "tab", "aria-selected": number === first }, view.label);
    button.onclick = () => {
      for (const other of buttons) other.setAttribute("aria-selected", other === button);
      show(number);
    };
    return button;
  });
  return element("div", "rv-tabs", { role: "tablist" }, ...buttons);
}
