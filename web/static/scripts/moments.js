// Moments stand in the page in UTC; readers get them in their own zone, which is named. UTC stays as the title.
"use strict";

(() => {
  const language = document.documentElement.lang;
  const whole = new Intl.DateTimeFormat(language, {
    dateStyle: "long", timeStyle: "short",
  });
  const day = new Intl.DateTimeFormat(language, { dateStyle: "long" });
  const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" });

  for (const moment of document.querySelectorAll("time[data-moment]")) {
    const at = new Date(moment.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    moment.title = moment.textContent;
    if (moment.dataset.moment === "day") {
      moment.textContent = day.format(at);
    } else {
      const named = zone.formatToParts(at).find((part) => part.type === "timeZoneName");
      moment.textContent = `${whole.format(at)} ${named ? named.value : ""}`.trim();
    }
  }
})();
