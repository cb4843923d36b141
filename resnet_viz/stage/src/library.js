// Plotly, loaded once a page: the handout has it inside, the app serves it beside this script.

let library;

export function loadPlotly() {
  if (window.Plotly) return Promise.resolve(window.Plotly);
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = new URL("app/static/plotly.min.js", document.baseURI);
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => { library = undefined; reject(new Error("plotly.min.js could not be loaded")); };
    document.head.append(script);
  });
  return library;
}
