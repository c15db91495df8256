// The photos of what is being filled in: each choice adds to those before, since a phone's camera gives one at a time.
import { say } from "./words.js";

const LARGEST = 24e6;
const by = (id) => document.getElementById(id);

let kept = []; // { name, blob }, or { name, sha256 } where the server has it
let changed = () => {};
let shown = []; // addresses of previews, given back when they are no longer shown

export function start(then) {
  changed = then;
  by("photos").onchange = add;
}

export const list = () => kept;

export function set(photos) {
  kept = [...photos];
  draw();
}

function add() {
  const files = [...by("photos").files];
  for (const file of files.filter((one) => one.size <= LARGEST)) {
    const number = 1 + Math.max(0, ...kept.map((one) => Number.parseInt(one.name, 10) || 0));
    kept.push({ name: `${number}-${file.name.slice(-140)}`, blob: file });
  }
  by("photos").value = ""; // the same one can be chosen again after it was removed
  draw();
  const large = files.filter((one) => one.size > LARGEST).map((one) => one.name);
  by("photo_error").textContent = large.length ? say("too_large", { name: large.join(", ") }) : "";
  changed();
}

function remove(photo) {
  kept = kept.filter((one) => one !== photo);
  draw();
  changed();
}

function draw() {
  shown.forEach(URL.revokeObjectURL);
  shown = [];
  by("photo_error").textContent = "";
  by("previews").replaceChildren(...kept.map(figure));
}

function figure(photo) {
  const made = document.createElement("figure");
  if (photo.sha256) {
    made.textContent = `✓ ${photo.name}`;
    return made;
  }
  shown.push(URL.createObjectURL(photo.blob));
  const picture = Object.assign(new Image(), { src: shown.at(-1), alt: photo.name });
  const button = Object.assign(document.createElement("button"), { type: "button", textContent: "✕" });
  button.setAttribute("aria-label", say("remove", { name: photo.name }));
  button.onclick = () => remove(photo);
  made.append(picture, button);
  return made;
}
