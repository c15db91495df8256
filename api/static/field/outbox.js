// What waits to be sent: kept on the device until the server has said that it has it, photo by photo.
const KEPT_SENT = 20;
const AGAIN = new Set([401, 403, 408, 429]); // beside these, what is below 500 will not be taken however often it is sent

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

export async function all() {
  return (await act("readonly", (store) => store.getAll())).sort((one, other) => other.saved - one.saved);
}

// Returns "log in" where nobody is logged in who may send. Only one page sends at a time.
export function sendAll(changed) {
  const sendThem = async (lock) => {
    if (!lock) return "";
    const session = await (await fetch("/observations/session", { cache: "no-store" })).json();
    if (!session.may_send) return "log in";
    for (const item of (await all()).filter((one) => one.state === "waiting").reverse()) {
      await send(item, session.token);
      await changed();
    }
    for (const old of (await all()).filter((item) => item.state === "sent").slice(KEPT_SENT)) await forget(old.id);
    return "";
  };
  return navigator.locks.request("kkh-outbox", { ifAvailable: true }, sendThem);
}

async function send(item, token) {
  const headers = { "X-CSRF-Token": token };
  if (!item.stored) {
    const body = JSON.stringify(item.body);
    const answer = await fetch("/observations", { method: "POST", headers: { ...headers, "Content-Type": "application/json" }, body });
    if (!(await taken(item, answer))) return;
    item.stored = true;
    await put(item);
  }
  for (const photo of item.photos.filter((one) => !one.sha256)) {
    const form = new FormData();
    form.append("file", photo.blob, photo.name);
    const answer = await fetch(`/observations/${item.id}/media`, { method: "POST", headers, body: form });
    if (!(await taken(item, answer))) return;
    photo.sha256 = (await answer.json()).sha256; // the receipt; only now may the device let the photo go
    await put(item);
  }
  item.photos = item.photos.map(({ name, sha256 }) => ({ name, sha256 }));
  await put(Object.assign(item, { state: "sent", reason: "" }));
}

async function taken(item, answer) {
  if (answer.ok) return true;
  if (answer.status >= 500 || AGAIN.has(answer.status)) throw new Error(`HTTP ${answer.status}`);
  const told = await answer.json().catch(() => ({}));
  await put(Object.assign(item, { state: "refused", reason: told.detail || `HTTP ${answer.status}` }));
  return false;
}
