// Keeps the answers of one page while there is no network. It is installed only where a study asks for it.
// What it keeps is encrypted with a key that the page brought along and that is never stored on the device:
// only the server can make that key again. Pages of people are never kept.
"use strict";

const PREFIX = new URL(self.registration.scope).pathname.replace(/\/$/, "");
const SHELL = "dta-shell";
const FILES = ["/static/style.css", "/static/offline.js"].map((file) => PREFIX + file);
const OF_PERSON = new RegExp("^" + PREFIX + "/s/([^/]+)(/|$)");
const OF_QUESTIONS = new RegExp("^" + PREFIX + "/s/[^/]+(/survey/(?:page/\\d+|form/[A-Za-z][A-Za-z0-9_]*/\\d+))$");
const FINAL = [400, 409, 410, 413, 422]; // the server has decided: nothing stays on the device
const AWAY = [502, 503, 504]; // said by a proxy whose server is down, or by a server whose database is
const MARK = 10; // the first signs of a place tell the study

self.addEventListener("install", (event) => {
  self.skipWaiting();
  event.waitUntil(caches.open(SHELL).then((shell) => shell.addAll(FILES)));
});

self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== self.location.origin) return;
  if (event.request.mode === "navigate") event.respondWith(navigate(event.request, url));
  else if (FILES.includes(url.pathname)) {
    event.respondWith(fetch(event.request).catch(() => caches.match(url.pathname)));
  }
});

async function navigate(request, url) {
  const place = (OF_PERSON.exec(url.pathname) || [])[1] || "";
  const questions = request.method === "POST" ? OF_QUESTIONS.exec(url.pathname) : null;
  const typed = questions ? await request.clone().text() : "";
  if (place && request.method === "GET") {
    const refused = await quietly(() => deliver(place));
    if (refused) return Response.redirect(`${PREFIX}/s/${place}/survey/queued?said=${refused}`, 303);
  } else {
    await quietly(dropOld);
  }
  let answer;
  try {
    answer = await fetch(request);
  } catch (_) {
    return offline(place, questions ? questions[1] : "", typed);
  }
  if (questions && AWAY.includes(answer.status)) return (await unlessKept(place, questions[1], typed)) || answer;
  if (questions && (answer.type === "opaqueredirect" || answer.status === 422)) {
    const sent = new URLSearchParams(typed).get("sheet");
    await quietly(() => drop((entry) => entry.sheet === sent)); // it was taken just now
  }
  const forgotten = answer.headers.get("DTA-Forget");
  if (forgotten) await quietly(() => forget(forgotten));
  return answer;
}

async function quietly(act) {
  try {
    return await act();
  } catch (_) {
    return undefined; // a browser that keeps nothing must still show every page
  }
}

async function offline(place, path, typed) {
  const waits = async () => (await entries()).some((entry) => entry.place === place);
  const kept = await quietly(() => (path ? keep(place, path, typed) : waits()));
  const shown = await caches.match(`${PREFIX}/offline/${place.slice(0, MARK)}/${kept ? "kept" : "none"}`);
  if (!shown) return Response.error();
  const text = (await shown.text()).replaceAll(`href="${PREFIX}/own"`, `href="${PREFIX}/s/${place}/survey"`);
  return new Response(text, { status: 200, headers: shown.headers });
}

// A server that is down for a moment: the page waits like one without a network; where it cannot, what the
// server said is shown.
async function unlessKept(place, path, typed) {
  return (await quietly(() => keep(place, path, typed))) ? offline(place, "", "") : undefined;
}

async function keep(place, path, typed) {
  const fields = new URLSearchParams(typed);
  const [sheet, key, until] = ["sheet", "queue_key", "queue_until"].map((name) => fields.get(name));
  if (!sheet || !key || !(Number(until) > Date.now())) return false;
  for (const name of ["queue_key", "queue_until"]) fields.delete(name);
  const known = await crypto.subtle.importKey("raw", bytesOf(key), "AES-GCM", false, ["encrypt"]);
  const iv = crypto.getRandomValues(new Uint8Array(12));
  const plain = new TextEncoder().encode(JSON.stringify({ path, body: fields.toString() }));
  const aad = new TextEncoder().encode(sheet);
  const hidden = await crypto.subtle.encrypt({ name: "AES-GCM", iv, additionalData: aad }, known, plain);
  const data = new Blob([iv, hidden]);
  const stored = new Uint8Array(await data.arrayBuffer());
  await inQueue("readwrite", (queue) => queue.put({ sheet, place, until: Number(until), data: stored }));
  return true;
}

// Sends what waits for this very place, oldest first, and nothing of anyone else's.
async function deliver(place) {
  await dropOld();
  let refused = "";
  for (const entry of await entries()) {
    if (entry.place !== place) continue;
    let answer;
    try {
      answer = await fetch(`${PREFIX}/s/${place}/survey/queued`, {
        method: "POST",
        headers: { "DTA-Sheet": entry.sheet, "Content-Type": "application/octet-stream" },
        body: entry.data,
        redirect: "error",
      });
    } catch (_) {
      break;
    }
    if (!answer.ok && !FINAL.includes(answer.status)) break;
    if (!answer.ok) refused = (await quietly(async () => (await answer.json()).said)) || "over";
    await drop((other) => other.sheet === entry.sheet && same(other.data, entry.data));
  }
  return refused;
}

async function forget(place) {
  await quietly(() => deliver(place));
  await drop((entry) => entry.place === place);
  const shell = await caches.open(SHELL);
  const study = `${PREFIX}/offline/${place.slice(0, MARK)}/`;
  for (const known of await shell.keys()) {
    if (new URL(known.url).pathname.startsWith(study)) await shell.delete(known);
  }
  if ((await entries()).length === 0) {
    await caches.delete(SHELL);
    indexedDB.deleteDatabase("dta-queue");
    await self.registration.unregister();
  }
}

const dropOld = () => drop((entry) => entry.until <= Date.now());

async function drop(chosen) {
  for (const entry of await entries()) {
    if (chosen(entry)) await inQueue("readwrite", (queue) => queue.delete(entry.sheet));
  }
}

const entries = () => inQueue("readonly", (queue) => queue.getAll());

function inQueue(mode, act) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("dta-queue", 1);
    opening.onupgradeneeded = () => opening.result.createObjectStore("queue", { keyPath: "sheet" });
    opening.onerror = () => reject(opening.error);
    opening.onsuccess = () => {
      const base = opening.result;
      const transaction = base.transaction("queue", mode, { durability: "strict" });
      const asked = act(transaction.objectStore("queue"));
      transaction.oncomplete = () => {
        base.close();
        resolve(asked.result);
      };
      transaction.onabort = transaction.onerror = () => {
        base.close();
        reject(transaction.error);
      };
    };
  });
}

const bytesOf = (text) =>
  Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (sign) => sign.charCodeAt(0));
const same = (one, other) => one.length === other.length && one.every((byte, place) => byte === other[place]);
