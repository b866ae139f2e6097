/* Show of the three scopes the one that the chosen role is for. Without this all three stand there. */
(function () {
  "use strict";
  const role = document.querySelector("select[name=role]");
  if (!role) return;
  function choose() {
    document.querySelectorAll("[data-for-roles]").forEach((input) => {
      const field = input.closest(".field");
      field.hidden = !input.dataset.forRoles.split(" ").includes(role.value);
    });
  }
  /* The one that shows is not optional. */
  document.querySelectorAll("[data-for-roles]").forEach((input) => {
    const word = input.closest(".field").querySelector(".field__optional");
    if (word) word.remove();
  });
  role.addEventListener("change", choose);
  choose();
})();
