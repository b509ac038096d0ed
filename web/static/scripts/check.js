// Follows the running system check. Without scripts the page loads itself again.
(() => {
  const place = document.querySelector("[data-follow]");
  if (!place) return;
  const events = new EventSource(place.dataset.follow);
  events.addEventListener("progress", (event) => { place.innerHTML = event.data; });
  events.addEventListener("over", () => { events.close(); location.replace(place.dataset.then); });
  // The browser asks again by itself after a cut. Where it was refused, the page says why: not at once, and
  // again and again, while the server is away.
  events.addEventListener("error", () => {
    if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 5000);
  });
})();
