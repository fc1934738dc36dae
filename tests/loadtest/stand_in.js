// SPDX-License-Identifier: Apache-2.0
//
// What of a browser and of Chart.js report.js touches, for script_test.py: reads a page's parts as JSON from standard
// input, runs its script, and prints what was asked of Chart and what became of the page. Callbacks are called as
// Chart.js does it.
"use strict";

const { readFileSync } = require("node:fs");
const vm = require("node:vm");

// charts, script: text of these elements; canvases: their data-chart; tables: how many; media: which queries match;
// chart: "works", "missing", "throws" when a chart is made, or "empty", without what it should bring.
const page = JSON.parse(readFileSync(0, "utf8"));
const asked = [];
const listeners = [];
let destroyed = 0;

const parents = page.canvases.map(() => ({ style: {} }));
const found = {
  "canvas[data-chart]": page.canvases.map((chart, place) => ({ dataset: { chart }, parentElement: parents[place] })),
  "figure details": Array.from({ length: page.tables }, () => ({ open: false })),
  ".copy": [],
};
const classes = new Set();
const document = {
  documentElement: { classList: { add: (name) => classes.add(name), remove: (name) => classes.delete(name) } },
  body: {},
  getElementById: (id) => ({ charts: { textContent: page.charts } })[id],
  querySelectorAll: (selector) => found[selector],
};

// Labels of ticks: of those that the axis chose itself, else of its ends.
function ticks(options, values, horizontal) {
  const { min, max } = options;
  const axis = { min, max, ticks: values.map((value) => ({ value })), isHorizontal: () => horizontal };
  if (options.afterBuildTicks) options.afterBuildTicks(axis);
  return axis.ticks.map((tick) => options.ticks.callback(tick.value));
}

function scale(options, horizontal) {
  const values = options.type === "category" ? [...options.labels.keys()] : [options.min ?? 0, options.max ?? 1];
  return { type: options.type, min: options.min, max: options.max, ticks: ticks(options, values, horizontal) };
}

// The canvas is 1000 wide and 100 high; the axis spans it.
function shaded(config) {
  const { max } = config.options.scales.x;
  const drawn = [];
  const ctx = {
    save() {}, restore() {},
    fillRect: (left, top, width) => drawn.push({ left: (left / 1000) * max, right: ((left + width) / 1000) * max }),
    fillText: (text) => { drawn[drawn.length - 1].text = text; },
  };
  const scales = { x: { getPixelForValue: (value) => (value / max) * 1000 } };
  const chartArea = { left: 0, right: 1000, top: 0, bottom: 100 };
  for (const plugin of config.plugins || []) plugin.beforeDatasetsDraw({ ctx, chartArea, scales });
  return drawn;
}

class Chart {
  constructor(canvas, config) {
    if (page.chart === "throws") throw new Error("no chart today");
    const { scales } = config.options;
    asked.push({
      number: Number(canvas.dataset.chart),
      type: config.type,
      data: config.data,
      height: canvas.parentElement.style.height,
      scales: { x: scale(scales.x, true), y: scale(scales.y, false) },
      shaded: shaded(config),
    });
  }

  destroy() { destroyed += 1; }
}
if (page.chart !== "empty") {
  Chart.defaults = { font: {}, plugins: { legend: { labels: { generateLabels: () => [] } } } };
}

const browser = {
  document,
  devicePixelRatio: 1,
  console: { error: () => {} },
  getComputedStyle: () => ({ getPropertyValue: (name) => ` ${name}`, fontFamily: "sans" }),
  matchMedia: (query) => ({
    matches: page.media.includes(query),
    addEventListener: (event, listener) => listeners.push(listener),
  }),
};
if (page.chart !== "missing") browser.Chart = Chart;

vm.runInNewContext(page.script, browser);
const first = asked.splice(0);
listeners.forEach((listener) => listener());
process.stdout.write(JSON.stringify({
  charts: first,
  again: asked.length,
  destroyed,
  charted: classes.has("charted"),
  open: found["figure details"].filter((one) => one.open).length,
}));
