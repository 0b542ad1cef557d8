// Installs the worker that keeps a page's answers while there is no network, and goes on once it is back.
"use strict";

const about = document.querySelector("[data-prefix]");
const worker = navigator.serviceWorker;

if (about && about.dataset.offline && worker && self.caches) {
  worker.register(`${about.dataset.prefix}/worker.js`, { scope: `${about.dataset.prefix}/` }).catch(() => {});
  for (const kind of ["kept", "none"]) {
    const page = `${about.dataset.offline}/${kind}`;
    fetch(`${page}?lang=${document.documentElement.lang}`, { credentials: "omit" })
      .then((answer) => answer.ok && caches.open("dta-shell").then((shell) => shell.put(page, answer)))
      .catch(() => {});
  }
}

// On the page that is shown without a network: look now and then whether the server answers, then go on.
const onward = document.querySelector("a[data-onward]");
const PAUSE = 1500;

function look() {
  fetch(`${onward.dataset.onward}/health`, { cache: "no-store", credentials: "omit" })
    .then((answer) => (answer.ok ? location.assign(onward.href) : setTimeout(look, PAUSE)))
    .catch(() => setTimeout(look, PAUSE));
}

if (onward) setTimeout(look, PAUSE);
