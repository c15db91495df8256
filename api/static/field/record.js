// What is being filled in: a new observation, one that waits or was refused, or one of the catalogue that is corrected.
import * as outbox from "./outbox.js";
import * as photos from "./photos.js";
import * as place from "./place.js";
import * as questions from "./questions.js";
import { language, say } from "./words.js";

const by = (id) => document.getElementById(id);
const empty = () => ({ id: crypto.randomUUID(), body: { attributes: {} } });

let asked = {};
let base = empty(); // what it was before: its id, its revision in the catalogue, its content
let unasked = {}; // answers that the form does not show, of other tools or to questions that do not apply: they stay

export async function start() {
  asked = await questions.load();
  by("kind").onchange = () => { show(); keep(); };
  photos.start(() => { keepPhotos(); });
  by("form").addEventListener("change", keep);
  document.addEventListener("placed", keep);
  const id = new URLSearchParams(location.search).get("id");
  if (id) base.id = id;
  const draft = await outbox.get(draftOf(id));
  const found = draft ? { ...draft.item, photos: (await outbox.get(photosOf(id)))?.photos ?? draft.item.photos } : id && await known(id);
  if (found) fill(found);
  else clear();
}

// The draft of a new observation has no id of its own: there is one at a time.
const draftOf = (id) => `draft:${id ?? ""}`;
const photosOf = (id) => `photos:${id ?? ""}`;
const named = () => new URLSearchParams(location.search).get("id");

async function known(id) {
  const waiting = await outbox.get(id);
  if (waiting) return { ...waiting, form: waiting.form ?? formOf(waiting.body) };
  const answers = await Promise.all(["?f=json", "/media"].map((rest) => fetch(`/observations/${encodeURIComponent(id)}${rest}`)));
  if (!answers.every((one) => one.ok)) throw new Error(say("not_loaded"));
  const [{ geometry, properties: told }, files] = await Promise.all(answers.map((one) => one.json()));
  const [longitude, latitude] = geometry.coordinates;
  const { kind, attributes, observed_at, note, observer, accuracy_m, revision } = told;
  const body = { kind, attributes: attributes ?? {}, observed_at, note, observer, accuracy_m, longitude, latitude };
  return { id, revision, body, form: formOf(body), photos: files.map(({ filename, sha256 }) => ({ name: filename, sha256 })) };
}

// The form that asks most of what was answered, of those that are about this kind; the first is the quick report.
function formOf({ kind, attributes }) {
  const about = (list) => list.some((one) => one.name === "kind" && (one.calculation === `'${kind}'` || one.choices?.some(([value]) => value === kind)));
  const answered = (list) => list.filter((one) => one.name in attributes).length;
  const [first] = Object.keys(asked);
  return Object.keys(asked).filter((id) => about(asked[id])).reduce((best, id) => (answered(asked[id]) > answered(asked[best]) ? id : best), first);
}

function fill(item) {
  base = item;
  const { body } = item;
  by("kind").value = item.form;
  show();
  questions.fill(by("questions"), { kind: body.kind, ...body.attributes }, Boolean(item.revision));
  const shown = questions.answers(by("questions"), asked[item.form]);
  unasked = Object.fromEntries(Object.entries(body.attributes).filter(([name]) => !(name in shown)));
  if (Number.isFinite(body.latitude)) place.set(body.latitude, body.longitude, body.accuracy_m ?? null, true);
  else place.clear();
  by("observed_at").value = body.observed_at ? questions.local(new Date(body.observed_at)) : "";
  for (const name of ["note", "observer"]) by(name).value = body[name] ?? "";
  photos.set(item.photos ?? []);
  document.querySelector("h1").textContent = named() ? say("correcting") : say("title");
}

export function clear() {
  [base, unasked] = [empty(), {}];
  by("form").reset();
  by("observed_at").value = questions.local(new Date());
  by("observer").value = localStorage.getItem("observer") ?? "";
  place.clear();
  photos.set([]);
  show();
  document.querySelector("h1").textContent = say("title");
}

const show = () => questions.show(by("questions"), asked[by("kind").value] ?? []);

// Seconds, and digits of the position, that the page does not show are kept where they were not touched.
function when() {
  const { value } = by("observed_at");
  const before = base.body.observed_at;
  if (before && questions.local(new Date(before)) === value) return before;
  return value ? new Date(value).toISOString() : null;
}

export function item() {
  const list = asked[by("kind").value];
  const { kind, ...answers } = questions.answers(by("questions"), list);
  const text = (name) => by(name).value.trim() || null;
  const body = {
    id: base.id, kind, attributes: { ...unasked, ...answers }, ...place.position(), observed_at: when(),
    note: text("note"), observer: text("observer"),
  };
  const files = photos.list().map(({ reason, ...photo }) => photo); // refused before: tried again
  return {
    id: base.id, revision: base.revision, form: by("kind").value, body, photos: files, title: by("kind").selectedOptions[0].textContent,
    saved: Date.now(), state: "waiting", reason: "",
  };
}

// Phones end a page while their camera is open: what was filled in so far is kept on the device at each step.
const keep = () => outbox.put({ id: draftOf(named()), state: "draft", item: { ...item(), photos: [] } }).catch(() => {});

async function keepPhotos() {
  await outbox.put({ id: photosOf(named()), state: "draft", photos: photos.list() }).catch(() => {});
  await keep();
}

export async function done() {
  for (const of of [draftOf, photosOf]) await outbox.forget(of(named()));
  history.replaceState(null, "", location.pathname);
  clear();
}
