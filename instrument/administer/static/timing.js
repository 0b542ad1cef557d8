// Counts the seconds in which the page is seen, and sends them with the answers; nothing depends on it.
"use strict";

let seen = 0;
let since = document.visibilityState === "visible" ? performance.now() : null;

function count() {
  const now = performance.now();
  if (since !== null) seen += now - since;
  since = document.visibilityState === "visible" ? now : null;
}

document.addEventListener("visibilitychange", count);
self.addEventListener("pagehide", count);
self.addEventListener("pageshow", () => {
  since = document.visibilityState === "visible" ? performance.now() : null;
});
document.addEventListener("submit", (event) => {
  count();
  const field = event.target.querySelector("input[name=seen_ms]");
  if (field) field.value = String(Math.round(seen));
});
