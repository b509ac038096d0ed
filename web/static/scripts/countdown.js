// What is left of a time, second by second. It goes by how long the page is open, not by the reader's clock,
// which may be wrong. Aloud it is said every ten minutes, and every minute of the last ten.
"use strict";

(() => {
  const minute = 60;
  const opened = Date.now();

  const show = (shown) => {
    const passed = Math.floor((Date.now() - opened) / 1000);
    const left = Math.max(0, Number(shown.dataset.seconds) - passed);
    const parts = {
      days: Math.floor(left / (24 * 60 * minute)),
      hours: Math.floor(left / (60 * minute)) % 24,
      minutes: Math.floor(left / minute) % 60,
      seconds: left % 60,
    };
    for (const [name, value] of Object.entries(parts)) {
      const part = shown.querySelector(`[data-part="${name}"]`);
      part.textContent = name === "days" ? String(value) : String(value).padStart(2, "0");
    }
    const every = left > 10 * minute ? 10 * minute : minute;
    const spoken = shown.parentElement.querySelector("[data-spoken]");
    if (spoken && passed > 0 && left % every === 0) {
      spoken.textContent = spoken.dataset.spoken.replace(/\{(\w+)\}/g, (_, name) => String(parts[name]));
    }
    return left;
  };

  for (const shown of document.querySelectorAll("[data-countdown]")) {
    const running = setInterval(() => {
      if (show(shown) === 0) clearInterval(running);
    }, 1000);
    show(shown);
  }
})();
