/* Alerts that lie under each other or under other marks are drawn beside their place, with a line to it: each can be hit. */
"use strict";
const kkhSpread = (() => {
  const ROOM = 30, FARTHEST = 4; // pixels between the middles of two marks, across or down; how many times that a mark is moved
  const steps = [];
  for (let x = -FARTHEST; x <= FARTHEST; x++) for (let y = -FARTHEST; y <= FARTHEST; y++) steps.push([x * ROOM, y * ROOM]);
  steps.sort((a, b) => Math.hypot(...a) - Math.hypot(...b)); // the nearest first: at its place

  function add({ map, features }) {
    const lines = L.layerGroup().addTo(map);
    const alerts = Object.values(features).filter(({ name, layer }) => name === "alerts" && layer && layer.getLatLng).map(({ layer }) => layer);
    let due = 0;

    function spread() {
      lines.clearLayers();
      const taken = [];
      map.eachLayer((one) => {
        if (one instanceof L.Marker && one.options.pane === "markerPane" && !alerts.includes(one)) taken.push(map.latLngToLayerPoint(one.getLatLng()));
      });
      for (const one of alerts) {
        if (!map.hasLayer(one)) continue;
        const place = map.latLngToLayerPoint(one.getLatLng()), size = one.options.icon.options.iconSize[0];
        const [x, y] = steps.find(([dx, dy]) => taken.every((other) => Math.max(Math.abs(other.x - place.x - dx), Math.abs(other.y - place.y - dy)) >= ROOM)) || [0, 0];
        Object.assign(one.getElement().style, { marginLeft: `${x - size / 2}px`, marginTop: `${y - size / 2}px` });
        one.getPopup().options.offset = [x, y + 7];
        const aside = place.add([x, y]);
        taken.push(aside);
        if (x || y) L.polyline([one.getLatLng(), map.layerPointToLatLng(aside)], { pane: "dots", interactive: false, color: "#22262b", weight: 1.5 }).addTo(lines);
      }
      map.fire("kkhspread"); // names make room
    }

    const later = () => { cancelAnimationFrame(due); due = requestAnimationFrame(spread); };
    if (!alerts.length) return;
    const marks = (layer) => layer instanceof L.Marker && layer.options.pane === "markerPane";
    map.on("zoomend layeradd layerremove", ({ layer }) => { if (!layer || marks(layer)) later(); });
    spread();
  }

  return { add };
})();
