// A page that follows its closure: it is read again as soon as there is something new to see.
"use strict";

(() => {
  const followed = document.querySelector("[data-events]");
  if (!followed || !("EventSource" in window)) return;
  const again = 15000;

  const follow = () => {
    const events = new EventSource(followed.dataset.events);
    events.addEventListener("turn", () => {
      events.close();
      location.reload();
    });
    // The browser asks again by itself after a cut. Where it was refused it doesn't: we are signed out, or
    // the server was away.
    events.addEventListener("error", () => {
      if (events.readyState === EventSource.CLOSED) setTimeout(look, again);
    });
    addEventListener("pagehide", () => events.close(), { once: true });
  };

  const look = async () => {
    try {
      const answer = await fetch(followed.dataset.events, { headers: { Accept: "text/event-stream" } });
      await answer.body?.cancel();
      if (answer.status === 401 || answer.status === 404) return location.reload();
      if (answer.status === 204) return;
    } catch {
      // Still away.
    }
    follow();
  };

  follow();
})();
