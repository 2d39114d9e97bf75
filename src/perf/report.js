// Draws the page of `plait perf report` from the figures that lie in it. Charts draw themselves into canvases, so each figure
// says in data-marks how many points lie within it, for readers that see no picture.
"use strict";
(function () {
  const files = JSON.parse(document.getElementById("data").textContent).files;
  const last = files[files.length - 1];
  const colours = ["#1b6ca8", "#d1495b", "#2e933c", "#8d5a97", "#e08e0b", "#008891", "#6b705c", "#c2185b", "#5c4742", "#3949ab"];
  const colour = (i) => colours[i % colours.length];
  const calls = last.benchmarks.filter((b) => b.kind === "call");

  function seconds(x) {
    if (!(x > 0)) return "0 s";
    const units = [["s", 1], ["ms", 1e-3], ["µs", 1e-6], ["ns", 1e-9]];
    const [name, unit] = units.find(([, u]) => x >= u) || units[3];
    return `${(x / unit).toPrecision(3)} ${name}`;
  }
  function bytes(x) {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let i = 0;
    for (; x >= 1024 && i < 4; i++) x /= 1024;
    return `${+x.toPrecision(3)} ${units[i]}`;
  }
  const sizes = (b) => Object.entries(b.sizes || {}).map(([k, v]) => `${k}=${v}`).join(" ");
  const group = (list, key) => {
    const groups = new Map();
    for (const b of list) {
      const k = key(b);
      if (!groups.has(k)) groups.set(k, []);
      groups.get(k).push(b);
    }
    return groups;
  };
  const geometricMean = (xs) => Math.exp(xs.reduce((sum, x) => sum + Math.log(x), 0) / xs.length);

  // ---- what the machine can do --------------------------------------------------------------------------------------------

  const limitsFor = (threads) => last.limits.find((l) => l.threads === threads);
  function bandwidth(l, footprint) {
    const i = l.levels.findIndex((level) => level.footprint >= footprint);
    if (i <= 0) return l.levels[i < 0 ? l.levels.length - 1 : 0].bytes;
    const [a, b] = [l.levels[i - 1], l.levels[i]];
    return a.bytes * (b.bytes / a.bytes) ** (Math.log(footprint / a.footprint) / Math.log(b.footprint / a.footprint));
  }
  function shareOfRoof(b) {
    const l = limitsFor(b.threads);
    if (!l || !(b.bytes > 0 || b.flops > 0)) return null;
    const moving = b.bytes > 0 ? b.bytes / bandwidth(l, b.footprint || b.bytes) : 0;
    return Math.max(moving, b.flops / (b.single ? l.flops32 : l.flops)) / b.time;
  }

  // ---- figures --------------------------------------------------------------------------------------------------------------

  function countMarks(chart) {
    const area = chart.chartArea;
    let n = 0;
    chart.data.datasets.forEach((set, i) => {
      if (set.isBand || set.isRoof) return;
      for (const e of chart.getDatasetMeta(i).data) {
        const { x, y } = e.getProps(["x", "y"], true);
        if (x >= area.left - 1 && x <= area.right + 1 && y >= area.top - 1 && y <= area.bottom + 1) n++;
      }
    });
    return n;
  }

  function figure(id, title, note, datasets, options) {
    const box = document.createElement("figure");
    box.id = id;
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    box.append(caption);
    document.getElementById("plots").append(box);
    if (note) {
      const p = document.createElement("p");
      p.textContent = note;
      box.append(p);
    }
    if (!datasets.length) {
      box.dataset.marks = 0;
      return;
    }
    const holder = document.createElement("div");
    holder.className = "canvas";
    const canvas = document.createElement("canvas");
    holder.append(canvas);
    caption.after(holder);
    const legend = { position: "bottom", labels: { boxWidth: 12, filter: (item, data) => !data.datasets[item.datasetIndex].isBand } };
    const tooltip = { filter: (item) => !item.dataset.isBand, callbacks: { label: (item) => item.raw.label || "" } };
    const chart = new Chart(canvas, {
      type: "scatter",
      data: { datasets, labels: options.labels },
      options: {
        animation: false, responsive: true, maintainAspectRatio: false, normalized: true,
        plugins: { legend, tooltip }, scales: options.scales,
      },
    });
    box.dataset.marks = countMarks(chart);
  }

  function axis(type, text, format) {
    return { type, title: { display: true, text }, ticks: { callback: (x) => format(x), maxTicksLimit: 8 } };
  }
  // Powers of four, so that sizes are round.
  function bytesAxis(text) {
    const spread = (scale) => {
      scale.ticks = [];
      for (let x = 1; x <= scale.max; x *= 4) if (x >= scale.min) scale.ticks.push({ value: x });
    };
    return { ...axis("logarithmic", text, bytes), afterBuildTicks: spread };
  }
  const line = (label, data, i, more) => ({
    label, data, borderColor: colour(i), backgroundColor: colour(i), showLine: true, borderWidth: 2, pointRadius: 3, ...more,
  });
  // The edges of an interval, as two lines with colour between them.
  function band(data, i) {
    const edge = (key) => data.map((p) => ({ x: p.x, y: p[key] }));
    const plain = { isBand: true, showLine: true, borderWidth: 0, pointRadius: 0, pointHitRadius: 0 };
    return [
      { ...plain, label: "", data: edge("low") },
      { ...plain, label: "", data: edge("high"), fill: "-1", backgroundColor: colour(i) + "30" },
    ];
  }

  function drawTimes() {
    const datasets = [];
    let i = 0;
    for (const [name, list] of group(calls, (b) => `${b.kernel}, ${b.threads} thread${b.threads === 1 ? "" : "s"}`)) {
      const points = list.map((b) => ({
        x: b.footprint || 1, y: b.time, low: b.low || b.time, high: b.high || b.time,
        label: `${b.name}: ${seconds(b.time)}`,
      })).sort((a, b) => a.x - b.x);
      datasets.push(line(name, points, i), ...band(points, i));
      i++;
    }
    figure("times", "Time over size", "Bands: 95 % intervals over processes.", datasets, {
      scales: { x: bytesAxis("bytes of array arguments"), y: axis("logarithmic", "time of a call", seconds) },
    });
  }

  function drawThreads() {
    const datasets = [];
    let i = 0, most = 1;
    for (const [name, list] of group(calls, (b) => `${b.kernel} ${sizes(b)}`)) {
      const one = list.find((b) => b.threads === 1);
      if (!one || list.length < 2) continue;
      const points = list.map((b) => ({
        x: b.threads, y: one.time / b.time, label: `${b.name}: ${(one.time / b.time).toPrecision(3)} ×`,
      })).sort((a, b) => a.x - b.x);
      most = Math.max(most, points[points.length - 1].x);
      datasets.push(line(name, points, i++));
    }
    if (datasets.length)
      datasets.push({
        label: "as many times as threads", isRoof: true, showLine: true, pointRadius: 0, borderDash: [6, 4], borderWidth: 1,
        borderColor: "#777", data: [{ x: 1, y: 1 }, { x: most, y: most }],
      });
    figure("threads", "Speed-up over threads", datasets.length ? "" : "No kernel was measured with one thread and with more.",
      datasets, { scales: { x: axis("linear", "threads", String), y: axis("linear", "time on one thread / time", String) } });
    const x = Chart.getChart(document.querySelector("#threads canvas"));
    if (x) {
      x.options.scales.x.ticks.stepSize = 1;
      x.update();
    }
  }

  // One roof for each bandwidth that differs much from the one before: about one for each cache, and memory.
  function roofs(l, from, to, datasets) {
    const end = l.levels[l.levels.length - 1];
    let before = Infinity;
    for (const level of l.levels) {
      if (level !== end && (level.bytes > 0.7 * before || level.bytes < 1.2 * end.bytes)) continue;
      before = level.bytes;
      const knee = Math.min(Math.max(l.flops / level.bytes, from), to);
      datasets.push({
        label: `${bytes(level.footprint)}: ${(level.bytes / 1e9).toPrecision(3)} GB/s`, isRoof: true, showLine: true,
        pointRadius: 0, borderWidth: 1, borderDash: level === end ? [] : [4, 4], borderColor: "#777",
        data: [from, knee, to].map((x) => ({ x, y: Math.min(l.flops, x * level.bytes) / 1e9 })),
      });
    }
  }

  function drawRoofline() {
    const known = calls.filter((b) => b.bytes > 0 && b.flops > 0);
    const datasets = [];
    let i = 0;
    const place = (b) => ({
      x: b.flops / b.bytes, y: b.flops / b.time / 1e9,
      label: `${b.name}: ${(b.flops / b.time / 1e9).toPrecision(3)} GFLOP/s` +
        (shareOfRoof(b) ? `, ${(100 * shareOfRoof(b)).toFixed(0)} % of the roof` : ""),
    });
    for (const [name, list] of group(known, (b) => b.kernel))
      datasets.push(line(name, list.map(place), i++, { showLine: false, pointRadius: 4 }));
    const xs = known.map((b) => b.flops / b.bytes);
    const threads = Math.max(0, ...known.map((b) => b.threads));
    if (known.length && limitsFor(threads)) roofs(limitsFor(threads), Math.min(...xs) / 2, Math.max(...xs, 16) * 2, datasets);
    figure("roofline", "Roofline", known.length ? "Roofs: the measured bandwidth over working sets of so many bytes, and the peak, with the most threads." :
      "No benchmark of the suite says both bytes: and flops:.", datasets, {
      scales: { x: axis("logarithmic", "operations per byte", (x) => String(+x.toPrecision(2))),
        y: axis("logarithmic", "GFLOP/s", (x) => String(+x.toPrecision(2))) },
    });
  }

  function drawHistory() {
    const name = (f, i) => (f.commit || f.date || f.path || String(i)).slice(0, 16);
    const firsts = new Map();
    for (const f of files)
      for (const b of f.benchmarks) if (!firsts.has(b.name)) firsts.set(b.name, b.time);
    const lines = new Map();
    files.forEach((f, i) => {
      for (const [key, list] of group(f.benchmarks, (b) => (b.kind.startsWith("compile") ? `${b.kernel} ${b.kind}` : b.kernel))) {
        const y = geometricMean(list.map((b) => b.time / firsts.get(b.name)));
        if (!lines.has(key)) lines.set(key, []);
        lines.get(key).push({ x: i, y, label: `${key}, ${name(f, i)}: ${y.toPrecision(3)} × the first time` });
      }
    });
    let i = 0;
    const datasets = files.length > 1 ? [...lines].map(([key, points]) => line(key, points, i++)) : [];
    const label = (x) => (Number.isInteger(x) && files[x] ? name(files[x], x) : "");
    figure("history", "History", files.length > 1 ? "Geometric means over the benchmarks of a kernel." :
      "Several files, the oldest first, show a history.", datasets, {
      scales: { x: { ...axis("linear", "file", label), min: 0, max: Math.max(1, files.length - 1) },
        y: axis("linear", "time / time when first measured", (x) => String(+x.toPrecision(3))) },
    });
    const chart = Chart.getChart(document.querySelector("#history canvas"));
    if (chart) {
      chart.options.scales.x.ticks.stepSize = 1;
      chart.update();
      document.getElementById("history").dataset.marks = countMarks(chart);
    }
  }

  // ---- the table --------------------------------------------------------------------------------------------------------------

  function row(cells, kind) {
    const tr = document.createElement("tr");
    for (const text of cells) {
      const cell = document.createElement(kind);
      cell.textContent = text;
      tr.append(cell);
    }
    document.getElementById("figures").append(tr);
  }
  function fillTable() {
    row(["benchmark", "time", "95 % interval", "GB/s", "GFLOP/s", "of the roof", "processes"], "th");
    for (const b of last.benchmarks) {
      const share = b.kind === "call" ? shareOfRoof(b) : null;
      row([b.name, seconds(b.time), b.low && b.high ? `${seconds(b.low)} … ${seconds(b.high)}` : "–",
        b.bytes > 0 ? (b.bytes / b.time / 1e9).toPrecision(3) : "", b.flops > 0 ? (b.flops / b.time / 1e9).toPrecision(3) : "",
        share ? `${(100 * share).toFixed(0)} %` : "", b.runs], "td");
    }
  }

  const about = [last.cpu, last.date, last.commit && `commit ${last.commit}`, last.version && `plait ${last.version}`];
  document.getElementById("about").textContent = about.filter(Boolean).join(" · ");
  Chart.defaults.font.family = "system-ui, sans-serif";
  drawTimes();
  drawThreads();
  drawRoofline();
  drawHistory();
  fillTable();
})();
