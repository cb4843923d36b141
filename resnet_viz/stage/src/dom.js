// Elements of the page. Text goes in as text nodes and attributes, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

export function element(tag, className, attributes = {}, ...children) {
  const node = document.createElement(tag);
  node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A button; a screen reader reads its label, which is shown, too, when one points at it.
export function button(content, label, action) {
  const node = element("button", "rv-button", { type: "button", title: label, "aria-label": label }, content);
  node.onclick = action;
  return node;
}

// An icon of 16 × 16 units, drawn by an SVG path.
export function icon(path) {
  const svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "path");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  line.setAttribute("d", path);
  svg.append(line);
  return element("span", "rv-icon", {}, svg);
}
