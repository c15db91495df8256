// The page: what is filled in goes to the outbox at once; the outbox is sent whenever there is a connection.
import * as outbox from "./outbox.js";
import * as place from "./place.js";
import { local } from "./questions.js";
import * as record from "./record.js";
import { say } from "./words.js";

const by = (id) => document.getElementById(id);
const AGAIN_MS = 30000;
const told = by("error"); // stands beside what it speaks of
let begun = null;

async function list() {
  const items = await outbox.all();
  by("outbox").replaceChildren(...items.map(line));
}

function line(item) {
  const made = document.createElement("li");
  made.className = item.state;
  const when = Object.assign(document.createElement("bdi"), { dir: "ltr", textContent: local(new Date(item.saved)).replace("T", " ") });
  const photos = say("photos_of", { n: item.photos.filter((one) => one.sha256).length, all: item.photos.length });
  const title = item.state === "sent" ? Object.assign(document.createElement("a"), { href: `/observations/${item.id}`, textContent: item.title }) : item.title;
  made.append(`${say(item.state)} · `, title, " · ", when, ` · ${photos}`);
  if (item.state === "refused") {
    const reason = Object.assign(document.createElement("p"), { className: "reason", textContent: item.reason });
    const forget = Object.assign(document.createElement("button"), { type: "button", textContent: say("forget") });
    forget.onclick = async () => { await outbox.forget(item.id); await list(); };
    const correct = Object.assign(document.createElement("a"), { href: `?id=${item.id}`, textContent: say("correct") });
    made.append(reason, correct, forget);
  }
  return made;
}

async function send() {
  by("state").textContent = navigator.onLine ? say("sending") : say("offline");
  try {
    const needs = await outbox.sendAll(list);
    by("login").hidden = needs !== "log in";
    by("state").textContent = needs === "log in" ? say("log_in") : "";
  } catch (error) { // what waits stays, and is tried again
    by("login").hidden = error.status !== 401;
    by("state").textContent = say(by("login").hidden ? "offline" : "log_in");
  }
  await list();
}

function missing() {
  if (!place.position()) return place.unreadable();
  return [...by("form").elements].find((one) => !one.disabled && !one.checkValidity());
}

// In the page's language: what the browser says of a field is in the language of the device.
function complain(hole) {
  for (const one of by("form").querySelectorAll("[aria-invalid]")) for (const name of ["aria-invalid", "aria-describedby"]) one.removeAttribute(name);
  told.hidden = !hole;
  if (!hole) return;
  (hole.closest("label") ?? hole).after(told);
  told.textContent = `${say("not_saved")} ${hole.labels?.[0]?.firstChild.textContent.trim() ?? ""}: ${say(hole.value || hole.validity.badInput ? "unfit" : "needed")}`;
  hole.setAttribute("aria-invalid", "true");
  hole.setAttribute("aria-describedby", "error");
  hole.focus();
}

async function save(event) {
  event.preventDefault();
  await begun; // until then it is not known what is filled in
  const hole = missing();
  complain(hole);
  if (hole) return;
  try {
    await outbox.put(record.item());
  } catch (error) { // no room left, or a photo that cannot be read
    by("save").before(told);
    told.hidden = false;
    told.textContent = `${say("not_saved")} ${error?.message ?? ""}`;
    return;
  }
  localStorage.setItem("observer", by("observer").value);
  await record.done();
  await list();
  await send();
}

async function throwAway() {
  if (!confirm(say("empty_sure"))) return;
  await record.done();
}

async function begin() {
  try {
    await record.start();
    by("fields").disabled = false; // not before: what was chosen until then would be emptied
  } catch (error) { // what was to be corrected cannot be had: nothing is filled in that would become another observation
    by("form").hidden = true;
    by("problem").textContent = error.message;
  }
}

async function start() {
  if ("serviceWorker" in navigator) {
    // a worker that takes over has the page in its own words: it is to keep this one, in the reader's language
    navigator.serviceWorker.oncontrollerchange = () => { fetch("/observations/new").catch(() => {}); };
    navigator.serviceWorker.register("/observations/worker.js", { scope: "/observations/new" });
  }
  navigator.storage?.persist?.(); // asks the device not to throw the outbox away when it gets full
  begun = begin();
  by("form").onsubmit = save;
  by("send").onclick = send;
  by("empty").onclick = throwAway;
  addEventListener("online", send);
  addEventListener("offline", () => { by("state").textContent = say("offline"); });
  await list();
  await Promise.all([place.start(), begun, send()]);
  setInterval(async () => { if ((await outbox.all()).some((item) => item.state === "waiting")) await send(); }, AGAIN_MS);
}

start();
