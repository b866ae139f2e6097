/* The picture: drawn by the server for the width that is here; keys, dragging, and the power of a
 * lane as a line. Everything but the line also works by plain links. */
(function () {
  "use strict";

  const COOKIE = "pw_width";
  const live = () => document.querySelector("[data-live]");
  const picture = () => document.querySelector("[data-picture]");
  const panel = document.querySelector("[data-power]");
  const chinese = document.documentElement.lang.startsWith("zh");

  /* --- width: tell the server once, and again when the window has changed ------------------- */

  function tellWidth() {
    const box = picture();
    if (!box || !box.clientWidth) return;
    const width = Math.round(box.clientWidth);
    if (Math.abs(Number(box.dataset.width) - width) < 2) return;
    document.cookie = COOKIE + "=" + width + "; path=/; max-age=31536000; samesite=lax";
    if (!document.cookie.includes(COOKIE + "=" + width)) return; // no cookies: the drawing scales
    if (window.htmx && live()) window.htmx.trigger(live(), "redraw");
  }

  let resizing = 0;
  window.addEventListener("resize", () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => { tellWidth(); drawLine(); }, 200);
  });

  /* --- what was open stays open when the page renews itself --------------------------------- */

  let open = [];
  document.body.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.matches("[data-live]")) {
      open = [...event.detail.target.querySelectorAll("details[open][id]")].map((node) => node.id);
    }
  });
  document.body.addEventListener("htmx:afterSwap", () => {
    open.forEach((id) => {
      const node = document.getElementById(id);
      if (node) node.open = true;
    });
    open = [];
    markChosen();
  });
  /* A picture under the finger is not taken away. */
  document.body.addEventListener("htmx:beforeRequest", (event) => {
    const busy = dragged || document.activeElement.closest("#custom-range");
    if (busy && event.target.matches("[data-live]")) event.preventDefault();
  });

  /* --- keys: arrows move, plus and minus zoom ------------------------------------------------ */

  const MOVES = { ArrowLeft: "earlier", ArrowRight: "later", "+": "closer", "=": "closer", "-": "wider" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, textarea, select, [contenteditable]")) return;
    const link = MOVES[event.key] && document.querySelector('a[data-move="' + MOVES[event.key] + '"]');
    if (!link) return;
    event.preventDefault();
    link.click();
  });

  /* --- dragging: the stretch of time follows the finger -------------------------------------- */

  let dragged = null;
  const local = (seconds) => new Date((seconds + 8 * 3600) * 1000).toISOString().slice(0, 16);

  document.addEventListener("pointerdown", (event) => {
    const box = event.target.closest("[data-picture]");
    if (box && event.isPrimary && event.button === 0 && document.querySelector("[data-move]")) {
      dragged = { box: box, x: event.clientX, moved: 0 };
    }
  });
  document.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    dragged.moved = event.clientX - dragged.x;
    if (Math.abs(dragged.moved) > 6) dragged.box.dataset.dragging = "";
  });
  document.addEventListener("pointercancel", () => { if (dragged) delete dragged.box.dataset.dragging; dragged = null; });
  document.addEventListener("pointerup", () => {
    if (!dragged) return;
    const { box, moved } = dragged;
    dragged = null;
    delete box.dataset.dragging;
    if (Math.abs(moved) < 24) return;
    const from = Number(box.dataset.from), to = Number(box.dataset.to);
    const scale = box.clientWidth / Number(box.dataset.width);
    const shift = -moved * (to - from) / (Number(box.dataset.plotWidth) * scale);
    window.addEventListener("click", (event) => { event.preventDefault(); event.stopPropagation(); }, { capture: true, once: true });
    setTimeout(() => {
      location.search = "?from=" + local(from + shift) + "&to=" + local(to + shift);
    }, 0);
  });

  /* --- the power of a lane -------------------------------------------------------------------- */

  let chosen = "", chart = null, numbers = null;

  function markChosen() {
    document.querySelectorAll(".pic-lane").forEach((lane) => {
      if (chosen && lane.dataset.lane === chosen) lane.dataset.chosen = "";
      else delete lane.dataset.chosen;
    });
  }

  document.addEventListener("click", (event) => {
    const lane = event.target.closest(".pic-lane");
    if (!lane || !panel || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    showPower(lane.dataset.lane, true);
  });

  async function showPower(facility, scroll) {
    const box = picture();
    if (!box) return;
    chosen = facility;
    markChosen();
    const from = Number(box.dataset.from), to = Number(box.dataset.to);
    const query = "?from=" + local(from) + "&to=" + local(Math.ceil(to / 60) * 60);
    const answer = await fetch(panel.dataset.url.replace("/0/", "/" + facility + "/") + query, { credentials: "same-origin" });
    if (!answer.ok || chosen !== facility) return;
    numbers = await answer.json();
    panel.hidden = false;
    panel.querySelector("[data-power-name]").textContent = numbers.name + " · " + panel.dataset.wordsPower + " (kW)";
    drawLine();
    if (scroll) panel.scrollIntoView({ block: "nearest" });
  }

  function drawLine() {
    if (!numbers || panel.hidden || !window.uPlot) return;
    const place = panel.querySelector("[data-power-chart]");
    const note = panel.querySelector("[data-power-note]");
    place.textContent = "";
    chart = null;
    note.textContent = numbers.at.length ? "" : panel.dataset.wordsNone;
    if (!numbers.at.length) return;
    const flat = (value) => numbers.at.map(() => value);
    const words = panel.dataset;
    const series = [{ label: words.wordsTime, value: (self, at) => (at == null ? "—" : clock(at, true)) }];
    const data = [numbers.at];
    const add = (label, values, stroke, dash) => {
      series.push({ label: label, stroke: stroke, width: dash ? 1 : 1.5, dash: dash, points: { show: false }, spanGaps: false, value: (self, kw) => (kw == null ? "—" : kw.toFixed(1) + " kW") });
      data.push(values);
    };
    add(words.wordsPower, numbers.kw, "#1b2430");
    if (numbers.on_from_kw != null) add(words.wordsOn, flat(numbers.on_from_kw), "#b86e00", [6, 3]);
    if (numbers.off_below_kw != null) add(words.wordsOff, flat(numbers.off_below_kw), "#7a8696", [6, 3]);
    if (numbers.reference_kw != null) add(words.wordsReference, flat(numbers.reference_kw), "#7a8696", [2, 3]);
    const font = "12px " + getComputedStyle(document.body).fontFamily;
    const axis = { font: font, stroke: "#566273", grid: { stroke: "#e3e8ee", width: 1 }, ticks: { stroke: "#c3cbd5", width: 1 } };
    chart = new window.uPlot({
      width: place.clientWidth, height: 240, series: series,
      tzDate: (at) => window.uPlot.tzDate(new Date(at * 1000), "Asia/Shanghai"),
      scales: { x: { range: [numbers.from, numbers.to] }, y: { range: (self, low, high) => [0, Math.max(high * 1.08, 1)] } },
      axes: [
        { ...axis, values: (self, marks) => marks.map((at) => clock(at, false)), space: 64 },
        { ...axis, size: 56 },
      ],
      cursor: { drag: { x: false, y: false } },
    }, data, place);
  }

  const shanghai = new Intl.DateTimeFormat("en-GB", { timeZone: "Asia/Shanghai", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  function clock(at, whole) {
    const part = Object.fromEntries(shanghai.formatToParts(at * 1000).map((p) => [p.type, p.value]));
    const day = chinese ? part.month + "月" + part.day + "日" : part.day + "/" + part.month;
    const time = part.hour + ":" + part.minute;
    if (whole) return day + " " + time;
    return time === "00:00" ? day : time;
  }

  if (panel) {
    panel.querySelector("[data-power-close]").addEventListener("click", () => {
      panel.hidden = true;
      chosen = "";
      numbers = null;
      markChosen();
    });
    if (panel.dataset.open) showPower(panel.dataset.open, false);
  }
  /* After htmx has taken its elements in hand, which it does when the document is ready. */
  document.addEventListener("DOMContentLoaded", () => setTimeout(tellWidth, 0));
})();
