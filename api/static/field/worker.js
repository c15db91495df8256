// Keeps the form on the device. Pages come fresh where there is a connection, and from here where there is none.
const CACHE = `kkh-field-${VERSION}`;
const PAGE = "/observations/new";
const ROAD = "/segments?f=json";
const PATIENCE_MS = 4000;

self.addEventListener("install", (event) => {
  const keep = async () => {
    const cache = await caches.open(CACHE);
    // without cookies: the page is the same for everybody, and asking for each language must not change the reader's own
    await cache.addAll(KEPT.map((url) => new Request(url, { credentials: "omit", cache: "reload" })));
    await refresh(ROAD).catch(() => {}); // may need a login; kept later then
    await self.skipWaiting();
  };
  event.waitUntil(keep());
});

self.addEventListener("activate", (event) => {
  const tidy = async () => {
    for (const name of await caches.keys()) if (name.startsWith("kkh-field-") && name !== CACHE) await caches.delete(name);
    await self.clients.claim();
  };
  event.waitUntil(tidy());
});

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const here = url.pathname + url.search;
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname === PAGE) event.respondWith(page(event.request, here));
  else if (here === ROAD) event.respondWith(road(event));
  else if (KEPT.includes(here)) event.respondWith(kept(event.request, here));
});

// What answers vary with is the same for everything kept here, and not all of it can be seen from a script.
async function stored(url) {
  return (await caches.open(CACHE)).match(url, { ignoreVary: true });
}

async function kept(request, here) {
  return (await stored(here)) ?? fetch(request);
}

async function refresh(url) {
  const answer = await fetch(url);
  if (answer.ok) await (await caches.open(CACHE)).put(url, answer.clone());
  return answer;
}

async function page(request, here) {
  const cache = await caches.open(CACHE);
  const late = new Promise((resolve, reject) => { setTimeout(reject, PATIENCE_MS); });
  try {
    const answer = await Promise.race([fetch(request), late]);
    if (answer.ok) await cache.put(PAGE, answer.clone()); // the one shown last is in the reader's language
    if (answer.status < 500) return answer;
  } catch { /* no connection, or none that deserves the name */ }
  return (await stored(here)) ?? (await stored(PAGE)) ?? (await stored(`${PAGE}?lang=en`)) ?? Response.error();
}

async function road(event) {
  const known = await stored(ROAD);
  const renewed = refresh(ROAD);
  if (!known) return renewed;
  event.waitUntil(renewed.catch(() => {}));
  return known;
}
