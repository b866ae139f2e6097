/* The enterprise file: the print button, and every drawer open on paper. */
(function () {
  "use strict";

  const drawers = () => document.querySelectorAll("details.file-drawer");
  let closed = [];

  window.addEventListener("beforeprint", () => {
    closed = [...drawers()].filter((drawer) => !drawer.open);
    closed.forEach((drawer) => { drawer.open = true; });
  });
  window.addEventListener("afterprint", () => closed.forEach((drawer) => { drawer.open = false; }));

  const button = document.querySelector("[data-print]");
  if (button) button.addEventListener("click", () => window.print());
})();
