// SPDX-License-Identifier: Apache-2.0
//
// Draws the charts of report.html from the JSON that charts.py made, in the colours of the style sheet,
// and copies the advised TOML. Without it the tables are folded in; without a Chart.js that works they stand open.
"use strict";

(() => {
  const specs = JSON.parse(document.getElementById("charts").textContent);
  const phone = matchMedia("(max-width: 720px)");
  const dashes = [[], [], [7, 3], [2, 3], [9, 3, 2, 3], [4, 4], [12, 3], [1, 2]];
  const marks = ["circle", "rectRot", "triangle", "rect", "cross", "star", "rectRounded", "crossRot"];
  let drawn = [];

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const ink = (series) => colour(`series-${series.colour}`);
  const pale = (hex, alpha) => hex + Math.round(alpha * 255).toString(16).padStart(2, "0");
  const digits = (value) => {
    if (value >= 100) return Math.round(value).toLocaleString("en");
    return String(Number(value.toPrecision(3)));
  };

  const short = (name) => (name.length > 16 ? `${name.slice(0, 15)}…` : name);

  // 1, 2, 5 where there is room for them, else the decades alone: labels never meet.
  function logTicks(axis) {
    const first = Math.floor(Math.log10(axis.min));
    const last = Math.ceil(Math.log10(axis.max));
    const room = phone.matches && axis.isHorizontal() ? 1.5 : 3;
    const steps = Math.log10(axis.max / axis.min) > room ? [1] : [1, 2, 5];
    const all = [];
    for (let power = first; power <= last; power++) for (const step of steps) all.push(step * 10 ** power);
    axis.ticks = all.filter((value) => value >= axis.min * 0.999 && value <= axis.max * 1.001).map((value) => ({ value }));
  }

  const ms = (value) => (value >= 1 ? value.toLocaleString("en") : String(Number(value.toPrecision(1))));
  const outward = (value, round) => {
    const decade = 10 ** Math.floor(Math.log10(value));
    const steps = [1, 2, 5, 10].map((step) => step * decade);
    return round === "up" ? steps.find((one) => one >= value * 0.999) : steps.reverse().find((one) => one <= value * 1.001);
  };

  const title = (text) => ({ display: true, text, color: colour("quiet"), font: { size: 12 } });
  const logAxis = (values, extra) => ({
    type: "logarithmic",
    min: outward(Math.min(...values), "down"),
    max: outward(Math.max(...values), "up"),
    afterBuildTicks: logTicks,
    grid: { color: colour("grid") },
    ticks: { color: colour("quiet"), callback: ms, maxRotation: 0, autoSkip: false },
    ...extra,
  });
  const linear = (ticks) => ({
    type: "linear",
    grid: { color: colour("grid") },
    ticks: {
      color: colour("quiet"), maxTicksLimit: ticks, maxRotation: 0, includeBounds: false,
      callback: (value) => value.toLocaleString("en"),
    },
  });
  const nameAxis = (spec) => ({
    type: "category",
    labels: spec.series.map((one) => one.name),
    offset: true,
    grid: { display: false },
    ticks: { color: colour("text"), autoSkip: false, callback: (at) => short(spec.series[at].name) },
  });

  // Bars from zero, parts of a bar on top of each other, and a dot for each round.
  function bars(spec) {
    const parts = Math.max(...spec.series.map((one) => one.parts.length));
    const datasets = [...Array(parts).keys()].map((part) => ({
      type: "bar",
      label: (spec.part_names || ["median"])[part],
      data: spec.series.map((one) => one.parts[part] ?? null),
      backgroundColor: spec.series.map((one) => pale(ink(one), part ? 0.35 : 0.85)),
      stack: "median",
      barThickness: 16,
    }));
    datasets.unshift({
      type: "scatter",
      label: "round",
      data: spec.series.flatMap((one) => one.rounds.map((x) => ({ x, y: one.name }))),
      backgroundColor: colour("page"),
      borderColor: colour("text"),
      borderWidth: 1,
      radius: 3,
    });
    return {
      type: "bar",
      data: { labels: spec.series.map((one) => one.name), datasets },
      options: {
        indexAxis: "y",
        scales: {
          x: { beginAtZero: true, stacked: true, ...linear(6) },
          y: { ...nameAxis(spec), stacked: true },
        },
        plugins: {
          legend: { display: false },
          tooltip: { callbacks: { label: (item) => `${item.dataset.label}: ${digits(item.parsed.x)} ${spec.unit}` } },
        },
      },
    };
  }

  // A row a server: a mark for each percentile, and a bar over what its rounds span.
  function points(spec) {
    const names = spec.series.reduce((most, one) => (one.points.length > most.length ? one.points.map((p) => p.name) : most), []);
    const values = spec.series.flatMap((one) => one.points.flatMap((p) => [p.low, p.high])).filter((value) => value > 0);
    const spans = spec.series.flatMap((one) => one.points.map((p) => ({
      type: "line",
      data: [{ x: Math.max(p.low, Math.min(...values)), y: one.name }, { x: p.high, y: one.name }],
      borderColor: pale(ink(one), 0.4),
      borderWidth: 5,
      pointRadius: 0,
      pointHitRadius: 0,
      span: true,
    })));
    const shapes = ["circle", "rect", "triangle", "rectRot", "crossRot"];
    const shown = names.map((name, place) => ({
      type: "scatter",
      label: name,
      data: spec.series.flatMap((one) => one.points.filter((p) => p.name === name).map((p) => ({ x: p.median, y: one.name, server: one }))),
      pointStyle: shapes[place],
      radius: 5,
      backgroundColor: (at) => (at.raw ? ink(at.raw.server) : colour("quiet")),
      borderColor: (at) => (at.raw ? ink(at.raw.server) : colour("quiet")),
      borderWidth: place === 4 ? 2 : 1,
    }));
    return {
      type: "line",
      data: { datasets: [...shown, ...spans] },
      options: {
        scales: { x: logAxis(values, {}), y: { ...nameAxis(spec) } },
        plugins: {
          legend: legend((item, data) => !data.datasets[item.datasetIndex].span, {
            // Shapes stand for percentiles here, colours for servers.
            generateLabels: (chart) => Chart.defaults.plugins.legend.labels.generateLabels(chart)
              .map((item) => ({ ...item, fillStyle: colour("quiet"), strokeStyle: colour("quiet") })),
          }),
          tooltip: {
            filter: (item) => !item.dataset.span,
            callbacks: { label: (item) => `${item.raw.y} ${item.dataset.label}: ${digits(item.parsed.x)} ms` },
          },
        },
      },
    };
  }

  // A line a server over time or over percentiles, with the band of its rounds.
  function lines(spec) {
    const values = spec.series.flatMap((one) => one.points.flatMap((p) => p.slice(2)));
    const many = Math.max(...spec.series.map((one) => one.points.length)) > 24;
    const datasets = spec.series.flatMap((one, place) => [
      {
        label: one.name,
        data: one.points.map(([x, y]) => ({ x, y })),
        borderColor: ink(one),
        backgroundColor: ink(one),
        borderDash: dashes[one.colour],
        borderWidth: 2,
        pointStyle: marks[one.colour],
        pointRadius: (at) => ((at.dataIndex + place * 2) % (many ? 8 : 4) ? 0 : 3.5),
        order: 1,
      },
      band(one, 2, false),
      band(one, 3, "-1"),
    ]);
    return {
      type: "line",
      data: { datasets },
      plugins: [shade(spec.spans || [])],
      options: {
        interaction: { mode: "nearest", axis: "x", intersect: false },
        scales: {
          x: spec.x === "percentile" ? percentiles(spec) : fromZero(spec),
          y: spec.unit === "ms" ? logAxis(values, {}) : { beginAtZero: true, ...linear(6) },
        },
        plugins: {
          legend: legend((item, data) => data.datasets[item.datasetIndex].order === 1),
          tooltip: {
            filter: (item) => item.dataset.order === 1,
            callbacks: {
              title: (items) => (items.length ? place(spec, items[0].parsed.x) : ""),
              label: (item) => `${item.dataset.label}: ${digits(item.parsed.y)} ${spec.unit}`,
            },
          },
        },
      },
    };
  }

  // What went on beside it, from when to when, behind the lines.
  const shade = (spans) => ({
    id: "spans",
    beforeDatasetsDraw({ ctx, chartArea, scales }) {
      const within = (second) => Math.min(Math.max(scales.x.getPixelForValue(second), chartArea.left), chartArea.right);
      for (const one of spans) {
        const [left, right] = [within(one.begin), within(one.end)];
        ctx.save();
        ctx.fillStyle = pale(colour("quiet"), 0.15);
        ctx.fillRect(left, chartArea.top, right - left, chartArea.bottom - chartArea.top);
        ctx.fillStyle = colour("quiet");
        ctx.font = `12px ${Chart.defaults.font.family}`;
        ctx.textBaseline = "top";
        ctx.fillText(one.name, left + 6, chartArea.top + 6, Math.max(right - left - 12, 1));
        ctx.restore();
      }
    },
  });

  const band = (one, at, fill) => ({
    data: one.points.map((p) => ({ x: p[0], y: p[at] })),
    borderWidth: 0,
    pointRadius: 0,
    pointHitRadius: 0,
    backgroundColor: pale(ink(one), 0.13),
    fill,
    order: 2,
  });

  const percent = (x) => String(Number((100 * (1 - 1 / x)).toFixed(4)));
  const place = (spec, x) => ({
    percentile: () => `${percent(x)} %`,
    seconds: () => `${digits(x)} s`,
    connections: () => `${digits(x)} connections`,
  })[spec.x]();
  const percentiles = (spec) => ({
    type: "logarithmic",
    min: 1,
    max: Math.max(...spec.series.flatMap((one) => one.points.map((p) => p[0]))),
    afterBuildTicks: (axis) => {
      axis.ticks = [1, 10, 100, 1e3, 1e4, 1e5].filter((value) => value <= axis.max * 1.01).map((value) => ({ value }));
    },
    grid: { color: colour("grid") },
    ticks: { color: colour("quiet"), callback: percent, maxRotation: 0, autoSkip: false },
    title: title("% of requests that were at most this slow"),
  });
  const fromZero = (spec) => ({
    ...linear(phone.matches ? 6 : 8),
    min: 0,
    max: Math.max(...spec.series.flatMap((one) => one.points.map((p) => p[0]))),
    title: title(spec.x === "seconds" ? "seconds" : "connections held open"),
  });
  const legend = (filter, more) => ({
    position: "bottom",
    labels: { filter, color: colour("text"), usePointStyle: true, boxWidth: 8, boxHeight: 8, padding: 14, ...more },
  });

  function height(spec) {
    if (spec.kind === "lines") return phone.matches ? 300 : 340;
    return spec.series.length * (spec.kind === "bars" ? 30 : 34) + (spec.kind === "bars" ? 36 : 80);
  }

  function draw() {
    drawn.forEach((chart) => chart.destroy());
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
    drawn = [...document.querySelectorAll("canvas[data-chart]")].map((canvas) => {
      const spec = specs[Number(canvas.dataset.chart)];
      const config = { bars, points, lines }[spec.kind](spec);
      canvas.parentElement.style.height = `${height(spec)}px`;
      Object.assign(config.options, {
        animation: false,
        responsive: true,
        maintainAspectRatio: false,
        devicePixelRatio: Math.max(2, devicePixelRatio), // a printer has more pixels than the screen
      });
      return new Chart(canvas, config);
    });
  }

  function copyButtons() {
    for (const button of document.querySelectorAll(".copy")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        const code = button.parentElement.querySelector("code");
        try {
          await navigator.clipboard.writeText(code.textContent);
          button.textContent = "Copied";
        } catch {
          getSelection().selectAllChildren(code); // a browser that forbids it: one key is left to press
          button.textContent = "Selected";
        }
        setTimeout(() => { button.textContent = "Copy"; }, 2000);
      });
    }
  }

  function tablesAlone() {
    document.documentElement.classList.remove("charted");
    document.querySelectorAll("figure details").forEach((one) => { one.open = true; });
  }

  function drawOrTables() {
    try {
      draw();
    } catch (error) {
      console.error(error);
      tablesAlone();
    }
  }

  copyButtons();
  if (typeof Chart === "undefined") {
    tablesAlone();
    return;
  }
  document.documentElement.classList.add("charted"); // canvases that are not shown have no size to be drawn in
  drawOrTables();
  for (const query of [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print"), phone]) {
    query.addEventListener("change", drawOrTables);
  }
})();
