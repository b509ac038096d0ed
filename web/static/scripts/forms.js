// A form is sent once, however often its button is clicked; "select all" ticks what is on the page.
(() => {
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.dataset.sent) { event.preventDefault(); return; }
    form.dataset.sent = "yes";
    const button = event.submitter;
    setTimeout(() => {
      for (const each of form.querySelectorAll("button")) each.disabled = true;
      if (button) button.setAttribute("aria-busy", "true");
    });
  });
  // A page that the back button brings from memory can be sent again.
  window.addEventListener("pageshow", (event) => {
    if (!event.persisted) return;
    for (const form of document.forms) {
      delete form.dataset.sent;
      for (const each of form.querySelectorAll("button")) { each.disabled = false; each.removeAttribute("aria-busy"); }
    }
  });
  for (const all of document.querySelectorAll("[data-ticks]")) {
    const boxes = () => document.querySelectorAll(`input[name="${all.dataset.ticks}"]`);
    all.closest("[hidden]")?.removeAttribute("hidden");
    all.addEventListener("change", () => { for (const each of boxes()) each.checked = all.checked; });
  }
})();
