/* What every page does: the clock, the search key, menus, and an honest word when the line is cut.
 * No texts in here: they stand translated in the body's data attributes (templates/base.html). */
(function () {
  "use strict";

  const body = document.body;
  const text = (name) => body.dataset["text" + name] || "";

  /* Shanghai's time by the server's clock: an officer's phone may be minutes off, deadlines are not. */
  const clock = document.querySelector("[data-clock]");
  const offset = clock ? Number(clock.dataset.serverNow) * 1000 - Date.now() : 0;
  const chinese = document.documentElement.lang.startsWith("zh");
  const shanghai = new Intl.DateTimeFormat("en-GB", {
    timeZone: "Asia/Shanghai", year: "numeric", month: chinese ? "numeric" : "short",
    day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23",
  });

  function parts(milliseconds) {
    return Object.fromEntries(shanghai.formatToParts(milliseconds).map((p) => [p.type, p.value]));
  }

  function timeNow() {
    const now = parts(Date.now() + offset);
    return now.hour + ":" + now.minute;
  }

  function tick() {
    const now = parts(Date.now() + offset);
    clock.querySelector("[data-clock-time]").textContent = now.hour + ":" + now.minute;
    clock.querySelector("[data-clock-date]").textContent = chinese
      ? Number(now.year) + "年" + Number(now.month) + "月" + Number(now.day) + "日"
      : Number(now.day) + " " + now.month + " " + now.year;
  }

  if (clock) {
    tick();
    setInterval(tick, 5000);
  }

  /* Keys and menus. */
  const typing = (node) => node.closest("input, textarea, select, [contenteditable]");

  function closeMenus(except) {
    document.querySelectorAll("[data-menu][open]").forEach((menu) => {
      if (menu !== except) menu.open = false;
    });
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      const open = document.querySelector("[data-menu][open]");
      closeMenus();
      if (open) open.querySelector("summary").focus();
    }
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const search = document.querySelector("[data-search]");
    if (!search || !search.offsetParent) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  document.addEventListener("click", (event) => closeMenus(event.target.closest("[data-menu]")));

  const firstError = document.querySelector("[data-focus]");
  if (firstError) firstError.focus();

  /* Toasts: one for each kind, so a line that stays cut does not pile them up. */
  const toasts = document.getElementById("toasts");

  function clear(kind) {
    const old = toasts && toasts.querySelector('[data-kind="' + kind + '"]');
    if (old) old.remove();
    return Boolean(old);
  }

  function show(kind, words, seconds) {
    if (!toasts || !words) return;
    clear(kind);
    const toast = document.createElement("div");
    toast.className = "toast" + (kind === "back" ? "" : " toast--error");
    toast.dataset.kind = kind;
    const line = document.createElement("p");
    line.textContent = words;
    const close = document.createElement("button");
    close.type = "button";
    close.className = "toast__close";
    close.setAttribute("aria-label", text("Close"));
    close.textContent = "×";
    close.addEventListener("click", () => toast.remove());
    toast.append(line, close);
    toasts.append(toast);
    if (seconds) setTimeout(() => toast.remove(), seconds * 1000);
  }

  let lastGood = timeNow();
  const polls = (node) => ((node && node.getAttribute && node.getAttribute("hx-trigger")) || "").includes("every");

  function lost(event) {
    const status = event.detail.xhr ? event.detail.xhr.status : 0;
    if (status === 401 || status === 403) show("signed-out", text("SignedOut"));
    else if (polls(event.detail.elt)) show("lost", text("Lost").replace("{time}", lastGood));
    else show("failed", text("Failed"));
  }

  /* A page that renews itself is nobody at the desk: the server must not take it for one. */
  body.addEventListener("htmx:configRequest", (event) => {
    if (polls(event.detail.elt)) event.detail.headers["X-Poll"] = "1";
  });
  ["htmx:sendError", "htmx:timeout", "htmx:responseError"].forEach((name) => body.addEventListener(name, lost));
  body.addEventListener("htmx:afterRequest", (event) => {
    if (!event.detail.successful) return;
    lastGood = timeNow();
    clear("failed");
    if (clear("lost")) show("back", text("Back"), 4);
  });
})();
