/* Demo accounts: a click fills the form, the visitor still presses the button. */
(function () {
  "use strict";
  const form = document.querySelector("form.form");
  document.querySelectorAll("[data-username]").forEach((button) => {
    button.addEventListener("click", () => {
      form.elements.username.value = button.dataset.username;
      form.elements.password.value = button.dataset.password;
      form.querySelector("button[type=submit]").focus();
    });
  });
})();
