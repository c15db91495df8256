// What waits to be sent: kept on the device until the server has said that it has it, photo by photo.
const KEPT_SENT = 20;
const AGAIN = new Set([401, 408, 429]); // beside these, what is below 500 will not be taken however often it is sent

let opening = null;

function opened() {
  opening ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open("kkh-field", 1);
    asked.onupgradeneeded = () => asked.result.createObjectStore("outbox", { keyPath: "id" });
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opening;
}

async function act(mode, what) {
  const transaction = (await opened()).transaction("outbox", mode, { durability: "strict" });
  const asked = what(transaction.objectStore("outbox"));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(asked.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error ?? asked.error);
  });
}

export const put = (item) => act("readwrite", (store) => store.put(item));
export const forget = (id) => act("readwrite", (store) => store.delete(id));

export const get = (id) => act("readonly", (store) => store.get(id));

export async function all() {
  const kept = await act("readonly", (store) => store.getAll());
  return kept.filter((one) => one.state !== "draft").sort((one, other) => other.saved - one.saved);
}

// Returns "log in" where nobody is logged in who may send. Only one page sends at a time.
export function sendAll(changed) {
  const sendThem = async (lock) => {
    if (!lock) return "";
    const session = await (await fetch("/observations/session", { cache: "no-store" })).json();
    if (!session.may_send) return "log in";
    let failed = null;
    for (const item of (await all()).filter((one) => one.state === "waiting").reverse()) {
      try {
        await send(item, session.token);
      } catch (error) {
        if (!(error.status >= 500)) throw error; // no connection, or no log-in
        failed = error; // this one alone: those behind it do not wait for it
      }
      await changed();
    }
    if (failed) throw failed;
    for (const old of (await all()).filter((item) => item.state === "sent").slice(KEPT_SENT)) await forget(old.id);
    return "";
  };
  return navigator.locks.request("kkh-outbox", { ifAvailable: true }, sendThem);
}

async function send(item, token) {
  const headers = { "X-CSRF-Token": token };
  if (!item.stored) {
    const [method, url] = item.revision ? ["PUT", `/observations/${item.id}?revision=${item.revision}`] : ["POST", "/observations"];
    const answer = await fetch(url, { method, headers: { ...headers, "Content-Type": "application/json" }, body: JSON.stringify(item.body) });
    if (!answer.ok) {
      await put(Object.assign(item, { state: "refused", reason: await refusal(answer) }));
      return;
    }
    item.stored = true;
    item.revision = (await answer.json()).properties.revision; // by which it can be corrected
    await put(item);
  }
  for (const photo of item.photos.filter((one) => !one.sha256 && !one.reason)) {
    const form = new FormData();
    form.append("file", photo.blob, photo.name);
    const answer = await fetch(`/observations/${item.id}/media`, { method: "POST", headers, body: form });
    if (answer.ok) photo.sha256 = (await answer.json()).sha256; // the receipt; only now may the device let the photo go
    else photo.reason = await refusal(answer); // the other photos go on
    await put(item);
  }
  const reason = item.photos.map((one) => one.reason).filter(Boolean).join(" ");
  item.photos = item.photos.map((one) => (one.sha256 ? { name: one.name, sha256: one.sha256 } : one));
  await put(Object.assign(item, { state: reason ? "refused" : "sent", reason }));
}

async function refusal(answer) {
  if (answer.status >= 500 || AGAIN.has(answer.status)) throw Object.assign(new Error("try again"), { status: answer.status });
  const told = await answer.json().catch(() => ({}));
  return told.detail || `HTTP ${answer.status}`;
}
