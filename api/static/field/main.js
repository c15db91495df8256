// The page: what is filled in goes to the outbox at once; the outbox is sent whenever there is a connection.
import * as outbox from "./outbox.js";
import * as place from "./place.js";
import * as questions from "./questions.js";
import { language, say } from "./words.js";

const by = (id) => document.getElementById(id);
const LARGEST_PHOTO = 24e6;
const AGAIN_MS = 30000;
let asked = {};

async function list() {
  const items = await outbox.all();
  by("outbox").replaceChildren(...items.map(line));
}

function line(item) {
  const made = document.createElement("li");
  made.className = item.state;
  const when = new Date(item.saved).toLocaleString(language);
  const photos = say("photos_of", { n: item.photos.filter((one) => one.sha256).length, all: item.photos.length });
  made.textContent = `${say(item.state)} · ${item.title} · ${when} · ${photos}`;
  if (item.state === "refused") {
    const reason = Object.assign(document.createElement("p"), { className: "reason", textContent: item.reason });
    const forget = Object.assign(document.createElement("button"), { type: "button", textContent: say("forget") });
    forget.onclick = async () => { await outbox.forget(item.id); await list(); };
    made.append(reason, forget);
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
    by("login").hidden = ![401, 403].includes(error.status);
    by("state").textContent = say(by("login").hidden ? "offline" : "log_in");
  }
  await list();
}

function now() {
  const date = new Date();
  return new Date(date - date.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}

function fresh() {
  by("form").reset();
  by("observed_at").value = now();
  by("previews").replaceChildren();
  by("observer").value = localStorage.getItem("observer") ?? "";
  place.clear();
  questions.show(by("questions"), asked[by("kind").value] ?? []);
}

function missing() {
  if (!place.position()) return by("latitude");
  return [...by("form").elements].find((one) => !one.disabled && !one.checkValidity());
}

async function save(event) {
  event.preventDefault();
  const hole = missing();
  by("error").hidden = !hole;
  if (hole) {
    by("error").textContent = `${say("not_saved")} ${hole.labels?.[0]?.firstChild.textContent.trim() ?? ""} ${hole.validationMessage}`;
    hole.focus();
    return;
  }
  const { kind, ...attributes } = questions.answers(by("questions"), asked[by("kind").value]);
  const id = crypto.randomUUID();
  const text = (name) => by(name).value.trim() || null;
  const body = {
    id, kind, attributes, ...place.position(), observed_at: new Date(by("observed_at").value).toISOString(), note: text("note"), observer: text("observer"),
  };
  const photos = [...by("photos").files].map((file, index) => ({ name: `${index + 1}-${file.name}`.slice(-150), blob: file }));
  const title = by("kind").selectedOptions[0].textContent;
  try {
    await outbox.put({ id, body, photos, title, saved: Date.now(), state: "waiting", reason: "" });
  } catch (error) { // no room left, or a photo that cannot be read
    by("error").hidden = false;
    by("error").textContent = `${say("not_saved")} ${error?.message ?? ""}`;
    return;
  }
  localStorage.setItem("observer", by("observer").value);
  fresh();
  await list();
  await send();
}

function preview() {
  const files = [...by("photos").files];
  by("photos").setCustomValidity(files.some((file) => file.size > LARGEST_PHOTO) ? "> 24 MB" : "");
  by("previews").replaceChildren(...files.map((file) => Object.assign(new Image(), { src: URL.createObjectURL(file), alt: file.name })));
}

async function start() {
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("/observations/worker.js", { scope: "/observations/new" });
  navigator.storage?.persist?.(); // asks the device not to throw the outbox away when it gets full
  asked = await questions.load();
  by("kind").onchange = () => questions.show(by("questions"), asked[by("kind").value]);
  by("photos").onchange = preview;
  by("form").onsubmit = save;
  by("send").onclick = send;
  addEventListener("online", send);
  addEventListener("offline", () => { by("state").textContent = say("offline"); });
  fresh();
  await list();
  await Promise.all([place.start(), send()]);
  setInterval(async () => { if ((await outbox.all()).some((item) => item.state === "waiting")) await send(); }, AGAIN_MS);
}

start();
