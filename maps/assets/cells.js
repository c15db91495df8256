/* Records of a kind that has more of them than a page can hold: tiles tell how many lie where, a click fetches the one it meets. */
"use strict";
const kkhCells = (() => {
  const CLOSER = 2; // zooms that a click on many records comes closer by
  const LAST = 18;

  function pictures(symbols, names) { // marks as images, once
    return names.map((name) => {
      const { svg, size } = symbols[name], image = new Image();
      image.src = `data:image/svg+xml,${encodeURIComponent(svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" '))}`;
      return { image, size, ready: image.decode() };
    });
  }

  const dot = (marks) => (pen, x, y, { told }, fine) => {
    if (told.n === 1) {
      const { image, size } = marks[told.hollow ? 1 : 0];
      return pen.drawImage(image, x - (size * fine) / 2, y - (size * fine) / 2, size * fine, size * fine);
    }
    const text = told.n < 10000 ? String(told.n) : `${Math.round(told.n / 1000)}k`;
    pen.font = `700 ${12 * fine}px system-ui, sans-serif`;
    pen.beginPath();
    pen.arc(x, y, Math.max(11 * fine, pen.measureText(text).width / 2 + 5 * fine), 0, 2 * Math.PI);
    pen.fillStyle = "#fff";
    pen.fill();
    pen.lineWidth = 2.5 * fine;
    pen.strokeStyle = marks.edge;
    pen.stroke();
    pen.fillStyle = "#1c2024";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.fillText(text, x, y);
  };

  async function records(kind, keys) {
    const answers = await Promise.all(keys.map((key) => fetch(`/maps/records/${kind}/${encodeURIComponent(key)}`)));
    if (answers.some((one) => !one.ok)) throw new Error("not fetched");
    return Promise.all(answers.map((one) => one.json()));
  }

  function add({ map, control, config, say, element, roomy, popup, opened }) {
    const address = (kind, time = "") => `/maps/cells/${kind}/{z}/{y}/{x}?${config.span}${kind === "sites" ? "" : time}`;
    const order = (a, b) => a.told.n - b.told.n; // the many on top: their number stays readable
    const layers = config.cells.map(([kind, name, names]) => {
      const marks = pictures(config.style.symbols, names);
      marks.edge = config.style.areas[names[0]].color;
      const layer = new kkhPoints.Layer(address(kind), { kind, order, dot: dot(marks), pane: "cells", updateWhenZooming: false });
      control.addOverlay(layer, name);
      Promise.allSettled(marks.map((one) => one.ready)).then(() => layer.addTo(map));
      return layer;
    });

    async function tell(kind, keys, place) {
      const box = element("div", { tabindex: "-1" });
      try {
        const found = await records(kind, keys);
        box.append(...found.map((one) => popup(one, kind)));
        const area = keys.length === 1 && found[0].geometry.type !== "Point" && L.geoJSON(found[0], { style: map.kkhStyle, pane: "areas", interactive: false });
        if (area) map.once("popupopen", () => { area.addTo(map); map.once("popupclose", () => area.remove()); });
        if (!place) {
          place = L.geoJSON(found[0]).getBounds().getCenter();
          map.setView(place, Math.max(map.getZoom(), 13), { animate: false });
        }
      } catch {
        box.append(say("cells.failed"));
      }
      if (place) opened(place, box, keys.length === 1 ? `${kind}:${keys[0]}` : null);
    }

    map.on("click", (event) => {
      const found = !map.kkhBusy && kkhPoints.closest(map, layers, event.latlng, 14);
      if (!found) return;
      const { kind } = found.layer.options;
      if (found.told.keys) return tell(kind, found.told.keys.split(","), found.place);
      if (map.getZoom() < LAST) return map.setView(found.place, Math.min(LAST, map.getZoom() + CLOSER));
      L.popup(roomy()).setLatLng(found.place).setContent(element("p", {}, say("cells.many", { n: found.told.n }))).openOn(map);
    });
    const within = (time) => layers.forEach((one) => one.ask(address(one.options.kind, time)));
    return { within, has: (kind) => layers.some((one) => one.options.kind === kind), show: (kind, key) => tell(kind, [key], null) };
  }

  return { add };
})();
