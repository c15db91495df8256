/* Lengths along the ground's level and areas, on the ellipsoid. */
"use strict";
const kkhMeasure = (() => {
  const A = 6378137, E2 = 0.00669437999014, E = Math.sqrt(E2), rad = (degrees) => (degrees * Math.PI) / 180;

  function metres(a, b) { // by the radii of curvature half-way: within 0.01 % up to 100 km
    const middle = rad((a.lat + b.lat) / 2), bent = 1 - E2 * Math.sin(middle) ** 2;
    const north = (A * (1 - E2)) / bent ** 1.5, east = (A / Math.sqrt(bent)) * Math.cos(middle);
    return Math.hypot(rad(b.lat - a.lat) * north, rad(b.lng - a.lng) * east);
  }

  function squareMetres(points) { // in the equal-area cylindrical projection, straight edges
    const y = (lat) => {
      const s = Math.sin(rad(lat));
      return (A * (1 - E2) * (s / (1 - E2 * s * s) + Math.atanh(E * s) / E)) / 2;
    };
    return Math.abs(points.reduce((sum, one, i) => {
      const next = points[(i + 1) % points.length];
      return sum + A * rad(next.lng - one.lng) * (y(one.lat) + y(next.lat));
    }, 0) / 2);
  }

  function add({ map, config, say, element, rounded }) {
    const points = [], drawing = L.layerGroup();
    let on = false;
    const answer = element("p", { role: "status" });
    const button = (key, act) => {
      const made = element("button", { type: "button" }, say(key));
      made.addEventListener("click", act);
      return made;
    };
    const panel = element("div", { class: "kkh-panel", dir: config.dir }, element("strong", {}, say("measure.title")), answer,
      element("div", {}, button("measure.here", () => put(map.getCenter())), button("measure.undo", () => { points.pop(); draw(); }),
        button("measure.clear", () => { points.length = 0; draw(); })));

    const long = (m) => (m < 1000 ? `${rounded(m, 0)} m` : `${rounded(m / 1000, m < 100_000 ? 2 : 1)} km`);
    const wide = (m2) => (m2 < 1e5 ? `${rounded(m2, 0)} m²` : `${rounded(m2 / 1e6, m2 < 1e8 ? 3 : 1)} km²`);

    function draw() {
      drawing.clearLayers();
      const look = { pane: "dots", interactive: false, color: "#000", weight: 3 };
      if (points.length > 1) L.polyline(points, { ...look, color: "#fff", weight: 6 }).addTo(drawing);
      if (points.length > 2) L.polygon(points, { ...look, weight: 1, dashArray: "3 4", fillOpacity: 0.12 }).addTo(drawing);
      if (points.length > 1) L.polyline(points, look).addTo(drawing);
      for (const one of points) L.circleMarker(one, { ...look, radius: 4, fillColor: "#fff", fillOpacity: 1 }).addTo(drawing);
      const length = points.slice(1).reduce((sum, one, i) => sum + metres(points[i], one), 0);
      const told = [say("measure.length", { d: long(length) })];
      if (points.length > 2) told.push(say("measure.area", { a: wide(squareMetres(points)), p: long(length + metres(points[points.length - 1], points[0])) }));
      answer.textContent = points.length > 1 ? told.join(" ") : say("measure.how");
    }

    function put(latlng) {
      points.push(L.latLng(latlng.lat, latlng.lng));
      draw();
    }

    map.on("click", (event) => { if (on) put(event.latlng); });
    function turn(wanted) {
      on = wanted;
      map.kkhBusy = on;
      map.getContainer().classList.toggle("kkh-measuring", on);
      if (on) { drawing.addTo(map); map.closePopup(); map.doubleClickZoom.disable(); draw(); } else { points.length = 0; drawing.remove(); map.doubleClickZoom.enable(); }
      return panel;
    }
    return { turn };
  }

  return { add, metres, squareMetres };
})();
