// Small maps beside lists and records. Whatever comes from the catalogue is put in place as text, never as HTML.
"use strict";
for (const box of document.querySelectorAll("[data-minimap]")) {
  const { marks, road, kilometres, symbols, colours, words } = JSON.parse(box.dataset.minimap);
  const map = L.map(box, { attributionControl: false, zoomControl: false, scrollWheelZoom: false });
  const left = document.dir === "rtl" ? "topright" : "topleft";
  L.control.zoom({ zoomInTitle: words.nearer, zoomOutTitle: words.farther, position: left }).addTo(map);
  L.control.scale({ imperial: false }).addTo(map);
  box.setAttribute("role", "application");
  box.setAttribute("aria-label", words.label);
  for (const line of road) {
    const points = line.map(([lon, lat]) => [lat, lon]);
    L.polyline(points, { color: colours.casing, weight: 6, interactive: false }).addTo(map);
    L.polyline(points, { color: colours.road, weight: 3, interactive: false }).addTo(map);
  }
  const labels = [];
  for (const [lon, lat, km] of kilometres) {
    const label = Object.assign(document.createElement("span"), { textContent: km, dir: "ltr" });
    labels.push(L.marker([lat, lon], { icon: L.divIcon({ html: label, className: "kilometre", iconSize: [0, 0] }), interactive: false, keyboard: false }).addTo(map));
  }
  const seen = marks.filter((mark) => mark.main).concat(marks.filter((mark) => !mark.main));
  const bounds = L.latLngBounds(seen.map(({ lat, lon }) => [lat, lon]));
  for (const { lat, lon, shape, accuracy_m } of seen.filter((mark) => mark.main)) {
    if (shape) bounds.extend(L.geoJSON(shape).getBounds());
    if (accuracy_m) bounds.extend(L.latLng(lat, lon).toBounds(2 * accuracy_m)); // where it may be, not only where it is drawn
  }
  map.fitBounds(bounds.pad(0.2), { maxZoom: 15, animate: false });
  const apart = () => { // of labels that would lie on each other the first is shown
    const shown = [];
    for (const label of labels) {
      const at = map.latLngToLayerPoint(label.getLatLng());
      const free = shown.every((other) => Math.abs(other.x - at.x) > 32 || Math.abs(other.y - at.y) > 14);
      label.getElement().style.display = free ? "" : "none";
      if (free) shown.push(at);
    }
  };
  map.on("zoomend", apart);
  apart();
  const choices = new Map();
  for (const mark of marks) {
    if (mark.shape) L.geoJSON(mark.shape, { style: mark.kind === "way" ? { color: colours.way, weight: 2, dashArray: "8 5" } : { color: colours.shape, weight: 2, fillOpacity: 0.15 }, interactive: false }).addTo(map);
    if (mark.accuracy_m) L.circle([mark.lat, mark.lon], { radius: mark.accuracy_m, weight: 1.2, dashArray: "3 3", fillOpacity: 0.06, color: colours.accuracy, interactive: false }).addTo(map);
    const { svg, size } = symbols[mark.kind];
    const icon = L.divIcon({ html: svg, iconSize: [Math.max(size, 24), Math.max(size, 24)], className: mark.main ? "mark main" : "mark" });
    const made = L.marker([mark.lat, mark.lon], { icon, title: mark.title, alt: mark.title, riseOnHover: true, zIndexOffset: mark.main ? 500 : 0 }).addTo(map);
    const choice = mark.choice && document.querySelector(`input[type=checkbox][value="${CSS.escape(mark.choice)}"]`);
    if (choice) follow(choice, made, choices, mark);
    made.bindPopup(() => told(mark, choice), { autoPanPadding: [12, 12] });
  }
  const all = document.querySelector("[data-choose-seen]");
  if (all) all.onclick = () => {
    for (const [choice, mark] of choices) {
      choice.checked = map.getBounds().contains([mark.lat, mark.lon]);
      choice.dispatchEvent(new Event("change", { bubbles: true }));
    }
  };
  box.classList.add("ready");

  function told(mark, choice) {
    const text = document.createElement("div");
    text.dir = document.dir;
    text.append(Object.assign(document.createElement("strong"), { textContent: mark.title }));
    if (mark.href) text.append(document.createElement("br"), Object.assign(document.createElement("a"), { href: mark.href, textContent: words.open }));
    if (choice) {
      const button = Object.assign(document.createElement("button"), { type: "button", textContent: words.choose, className: "act" });
      button.onclick = () => choice.click();
      text.append(document.createElement("br"), button);
    }
    return text;
  }
}

function follow(choice, marker, choices, mark) {
  choices.set(choice, mark);
  const row = choice.closest("tr");
  const show = () => {
    marker.getElement()?.classList.toggle("chosen", choice.checked);
    row?.classList.toggle("chosen", choice.checked);
    const count = document.querySelector("[data-count]");
    if (count) count.textContent = [...choices.keys()].filter((one) => one.checked).length;
  };
  choice.addEventListener("change", show);
  row?.addEventListener("mouseenter", () => marker.getElement()?.classList.add("near"));
  row?.addEventListener("mouseleave", () => marker.getElement()?.classList.remove("near"));
  show();
}
