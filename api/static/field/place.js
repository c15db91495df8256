// Where it is: by the device, by a click on the map, or typed; and the kilometre that belongs to it, offline too.
import { say } from "./words.js";

const METRES = 111320; // of a degree of latitude
const [WIDTH, HEIGHT] = [320, 240];
const by = (id) => document.getElementById(id);

let road = []; // [longitude, latitude, kilometre]
let accuracy = null;
let exact = null; // as it was given, until it is typed over
const WHOLE = { lon: 74.6, lat: 36.2, span: 4 }; // span: degrees of latitude from top to bottom
let view = { ...WHOLE };

export async function start() {
  by("locate").onclick = locate;
  by("nearer").onclick = () => zoom(0.4);
  by("farther").onclick = () => zoom(2.5);
  by("map").onclick = clicked;
  for (const id of ["latitude", "longitude"]) by(id).onchange = () => { [accuracy, exact] = [null, null]; moved(true); };
  try {
    const answer = await fetch("/segments?f=json");
    for (const one of (await answer.json()).features) lay(one.properties, one.geometry.coordinates);
  } catch { road = []; } // the place can be given without the road
  moved(false); // a place may have been filled in meanwhile
}

// Corners lie at any distance from each other: the kilometre of each is told by the length of the road before it.
function lay({ km_from, km_to }, line) {
  let before = 0;
  const lengths = line.map(([lon, lat], index) => {
    const [west, south] = line[Math.max(0, index - 1)];
    before += Math.hypot((lon - west) * Math.cos((lat * Math.PI) / 180), lat - south);
    return before;
  });
  line.forEach(([lon, lat], index) => road.push([lon, lat, km_from + ((km_to - km_from) * lengths[index]) / (before || 1)]));
}

export function position() {
  if (exact) return { ...exact, accuracy_m: accuracy };
  const [lat, lon] = ["latitude", "longitude"].map((id) => number(by(id).value));
  return Number.isFinite(lat) && Number.isFinite(lon) ? { latitude: lat, longitude: lon, accuracy_m: accuracy } : null;
}

// The field that keeps the place from being known.
export function unreadable() {
  return ["latitude", "longitude"].map(by).find((one) => !Number.isFinite(number(one.value)));
}

// Phones with an Urdu or Chinese keyboard write other digits, or a comma.
function number(text) {
  const plain = text.trim().replace(/[۰-۹]/g, (digit) => digit.charCodeAt(0) - 0x6f0).replace(/[٠-٩]/g, (digit) => digit.charCodeAt(0) - 0x660);
  return plain ? Number(plain.replace(/[,،٫]/, ".").replace(/[°º]?\s*[NE]$/i, "")) : NaN;
}

function locate() {
  by("found").textContent = say("searching");
  navigator.geolocation.getCurrentPosition(
    ({ coords }) => placed(coords.latitude, coords.longitude, coords.accuracy, true),
    (error) => { by("found").textContent = `${say("no_position")} (${error.message})`; },
    { enableHighAccuracy: true, timeout: 60000, maximumAge: 0 },
  );
}

export function set(lat, lon, metres, centre) {
  [by("latitude").value, by("longitude").value] = [lat.toFixed(6), lon.toFixed(6)];
  accuracy = metres;
  exact = { latitude: lat, longitude: lon };
  by("found").textContent = metres === null ? "" : say("accuracy", { n: Math.round(metres) });
  moved(centre);
}

function placed(...where) {
  set(...where);
  document.dispatchEvent(new Event("placed"));
}

export function clear() {
  [by("latitude").value, by("longitude").value, accuracy, exact] = ["", "", null, null];
  by("found").textContent = by("km").textContent = "";
  view = { ...WHOLE };
  draw();
}

async function moved(centre) {
  const here = position();
  if (!here) return draw();
  const near = nearest(here);
  const circle = accuracy ? Math.min(0.05, (accuracy * 20) / METRES) : 0.02;
  const span = Math.max(0.004, circle, near ? (near.metres * 3) / METRES : 0); // so that the circle and the road can be seen
  if (centre) view = { lon: here.longitude, lat: here.latitude, span: Math.min(WHOLE.span, span) };
  draw();
  tell(near);
  try {
    const answer = await fetch(`/segments/locate?lon=${here.longitude}&lat=${here.latitude}`);
    const told = await answer.json();
    if (answer.ok && position()?.longitude === here.longitude) tell({ km: told.km ?? told.chainage_km, metres: told.offset_m });
  } catch { /* offline: what was told from the road on this device stands */ }
}

function tell(found) {
  by("km").textContent = found && found.metres < 50000
    ? say("km", { km: found.km.toFixed(2), m: Math.round(found.metres) }) : say("outside");
}

function nearest({ longitude, latitude }) {
  const across = METRES * Math.cos((latitude * Math.PI) / 180);
  let best = null;
  for (let index = 1; index < road.length; index += 1) {
    const [a, b] = [road[index - 1], road[index]];
    const [ax, ay, bx, by] = [(a[0] - longitude) * across, (a[1] - latitude) * METRES, (b[0] - longitude) * across, (b[1] - latitude) * METRES];
    const length = (bx - ax) ** 2 + (by - ay) ** 2;
    const share = length ? Math.max(0, Math.min(1, -(ax * (bx - ax) + ay * (by - ay)) / length)) : 0;
    const metres = Math.hypot(ax + share * (bx - ax), ay + share * (by - ay));
    if (!best || metres < best.metres) best = { metres, km: a[2] + share * (b[2] - a[2]) };
  }
  return best;
}

function scale() {
  const up = HEIGHT / view.span;
  return { up, across: up * Math.cos((view.lat * Math.PI) / 180) };
}

function draw() {
  const { up, across } = scale();
  const at = (lon, lat) => [WIDTH / 2 + (lon - view.lon) * across, HEIGHT / 2 - (lat - view.lat) * up];
  by("road").setAttribute("d", road.map(([lon, lat], index) => `${index ? "L" : "M"}${at(lon, lat).map((one) => one.toFixed(1))}`).join(""));
  const here = position();
  const [x, y] = here ? at(here.longitude, here.latitude) : [0, 0];
  for (const [id, radius] of [["point", 5], ["circle", ((accuracy ?? 0) / METRES) * up]]) {
    for (const [name, value] of Object.entries({ cx: x, cy: y, r: here ? radius : 0 })) by(id).setAttribute(name, value);
  }
}

function zoom(factor) {
  const here = position();
  view = { lon: here?.longitude ?? view.lon, lat: here?.latitude ?? view.lat, span: Math.max(0.002, Math.min(8, view.span * factor)) };
  draw();
}

function clicked(event) {
  const box = by("map").getBoundingClientRect();
  const { up, across } = scale();
  const [x, y] = [((event.clientX - box.left) / box.width) * WIDTH, ((event.clientY - box.top) / box.height) * HEIGHT];
  placed(view.lat - (y - HEIGHT / 2) / up, view.lon + (x - WIDTH / 2) / across, null, false);
}
