/* What Folium's layers call: marks, popups, names, the grid and the search of our maps.
   Whatever comes from the catalogue is put in place as text, never as HTML. */
"use strict";
const kkh = (() => {
  const calm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  const features = {}; // id -> {layer, feature, name}
  const dated = []; // {layer, day | first year, year that ends it}: what time is chosen by
  const road = []; // segments in order: {km, points: [[x, y, km], ...], feature}
  const looks = {}; // how parts of the road are drawn -> {look, lines}
  const PANES = { ground: 205, before: 211, after: 212, lines: 215, grid: 220, points: 370, cells: 600, areas: 380, casing: 390, road: 400, dots: 405, labels: 620 };
  let map, config, squeeze, cluster, cells, byKeyboard = false;

  const apart = (value) => (config.dir === "rtl" ? `\u2068${value}\u2069` : value); // numbers keep their own direction
  const say = (key, values) => config.texts[key].replace(/\{(\w+)\}/g, (_, name) => apart(values[name]));
  const rounded = (value, digits) => value.toLocaleString("en", { maximumFractionDigits: digits });

  function element(tag, attributes, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes || {})) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  /* ---- layers, as Folium adds them ---- */

  const narrow = () => map.getSize().x <= 700 || map.getSize().y <= 480; // the list of layers would hide the map

  function setup(made, given) {
    map = made;
    config = given;
    const frame = map.getContainer().parentElement; // down to the end of the screen, whatever stands above it
    frame.style.setProperty("--kkh-top", `${Math.round(frame.getBoundingClientRect().top + window.scrollY)}px`);
    map.invalidateSize({ animate: false });
    const packed = document.getElementById("kkh-pack"); // of a map that is a file
    config.pack = packed && JSON.parse(packed.textContent);
    if (config.pack) L.TileLayer.include({ getTileUrl(at) { // within a file there is nothing to ask
      const url = L.Util.template(this._url, { ...at, z: this._getZoomForUrl() });
      return config.pack[url] ? `data:image/webp;base64,${config.pack[url]}` : L.Util.emptyImageUrl;
    } });
    const [west, south, east, north] = config.bounds; // first of all, so that layers are drawn once; clear of the buttons and of the open list of layers
    const [left, right] = narrow() ? (config.dir === "rtl" ? [24, 60] : [60, 24]) : beside();
    const padding = { paddingTopLeft: [left, 24], paddingBottomRight: [right, 36] };
    const asked = kkhState.view();
    if (asked) map.setView(asked.at, asked.zoom, { animate: false });
    else map.fitBounds([[south, west], [north, east]], { ...padding, maxZoom: 15, animate: false });
    for (const [name, level] of Object.entries(PANES)) map.createPane(name).style.zIndex = level;
    for (const name of ["grid", "labels", "ground", "before", "after", "lines", "points", "cells"]) map.getPane(name).style.pointerEvents = "none";
    const place = config.dir === "rtl" ? "topright" : "topleft";
    L.control.zoom({ zoomInTitle: say("zoom.in"), zoomOutTitle: say("zoom.out"), position: place }).addTo(map);
    L.control.scale({ imperial: false, maxWidth: 140 }).addTo(map);
    if (config.attributed) L.control.attribution({ prefix: false, position: "bottomright" }).addTo(map); // of maps that name whose they are
    map.getContainer().setAttribute("role", "application");
    map.getContainer().setAttribute("aria-label", say("map.label"));
  }

  const beside = () => (narrow() ? [54, 54] : config.dir === "rtl" ? [320, 60] : [60, 320]); // what buttons and the list of layers cover, left and right

  const roomy = () => { // buttons stay free beside and below it
    const { x, y } = map.getSize(), [left, right] = beside(), most = Math.max(200, Math.min(380, x - left - right - 32));
    return { maxWidth: most, minWidth: Math.min(220, most), maxHeight: Math.max(200, y - 150), className: "kkh-popup",
      autoPanPaddingTopLeft: [left, 12], autoPanPaddingBottomRight: [right, 80] };
  };

  function style(feature) {
    const told = feature.properties;
    const grade = config.style.grades[told.k];
    if (told.m) return { ...grade, weight: width(told), dashArray: grade.dash, opacity: 1, lineCap: "butt" };
    const area = config.style.areas[told.k];
    if (told.c) return { color: area.color, weight: area.weight, dashArray: area.dash, fillColor: told.c, fillOpacity: 0.6 };
    const [low, high] = config.style.opacity;
    const fill = told.o === undefined ? 0.08 : low + (high - low) * told.o;
    return { color: area.color, weight: area.weight, dashArray: area.dash, fillOpacity: fill };
  }

  const width = (told) => config.style.grades[told.k].weight * (told.i ? config.style.infill : 1);

  const line = ({ color, weight, dash }) => ({ color, weight, dashArray: dash, fill: false });
  const border = () => line(config.style.border);
  const river = (feature) => ({ ...line(config.style.river), fill: feature.geometry.type.endsWith("Polygon"), fillColor: config.style.river.color, fillOpacity: 0.5 });

  function marker(feature, latlng) {
    const { svg, size } = config.style.symbols[feature.properties.k];
    const room = Math.max(size, 24); // of what fingers hit
    const icon = L.divIcon({ html: svg, iconSize: [room, room], className: "kkh-mark" });
    const urgent = feature.id && feature.id.startsWith("alerts");
    return L.marker(latlng, { icon, title: feature.properties.t, riseOnHover: true, zIndexOffset: urgent ? 1000 : 0 });
  }

  function each(name) {
    return (feature, layer) => {
      const known = feature.properties.r ? features[feature.properties.r] : null; // the mark of an area
      const about = known ? known.feature : feature;
      if (!known || layer.getLatLng) features[about.id] = { layer, feature: about, name };
      if (about.properties.d || about.properties.y) dated.push({ layer, day: about.properties.d, first: about.properties.y, until: about.properties.z });
      let told = null; // made once: a popup asks for its content each time it is laid out
      layer.bindPopup(() => (told = told || popup(about, name)), roomy());
      const metres = about.properties.a;
      if (metres && layer.getLatLng) companion(layer, L.circle(layer.getLatLng(), {
        radius: metres, pane: "areas", interactive: false, weight: 1.2, dashArray: "3 3", fillOpacity: 0.05,
        color: config.style.areas[about.properties.k].color,
      }));
    };
  }

  function companion(layer, other) {
    layer.on("add", () => other.addTo(map)).on("remove", () => other.remove());
  }

  function pave(feature) { // `filter` of the road's layer: its segments are drawn by `surface`, all of one look as one line
    const told = feature.properties, { casing, unseen } = config.style, unknown = told.k === "unknown";
    const line = L.GeoJSON.coordsToLatLngs(feature.geometry.coordinates);
    lay(line, { pane: "casing", color: unknown ? config.style.grades.unknown.under : casing.color, weight: width(told) + casing.weight, lineCap: "butt" });
    lay(line, { pane: "road", ...style(feature) });
    if (told.u && !unknown) lay(line, { pane: "dots", color: unseen.color, weight: unseen.weight, dashArray: unseen.dash, lineCap: "round" });
    measure(feature);
    features[feature.id] = { feature, name: "road" };
    return false;
  }

  function lay(line, look) {
    const key = JSON.stringify(look), lines = (looks[key] = looks[key] || { look, lines: [] }).lines;
    const last = lines[lines.length - 1];
    if (last && last[last.length - 1].equals(line[0])) last.push(...line.slice(1));
    else lines.push([...line]);
  }

  function surface(layer) { // a path for each segment would be thousands of elements
    for (const { look, lines } of Object.values(looks)) layer.addLayer(L.polyline(lines, { ...look, interactive: false, smoothFactor: 1 }));
  }

  /* ---- what a click tells ---- */

  function popup(feature, name) {
    const told = feature.properties;
    const box = element("div", { dir: config.dir, tabindex: "-1", class: "kkh-told" }, element("h3", {}, element("bdi", {}, told.t)));
    if (told.p) {
      const picture = element("img", { src: told.p, alt: say("popup.picture") });
      picture.addEventListener("load", () => { // laid out anew, the box would lose the focus
        const focused = box.contains(document.activeElement);
        map.eachLayer((one) => one instanceof L.Popup && one.update());
        if (focused) box.focus({ preventScroll: true });
      });
      picture.addEventListener("error", () => picture.replaceWith(element("p", {}, say("popup.lost"))));
      box.append(picture);
    }
    const link = told.h ? element("p", {}, element("a", { href: told.h }, say(name === "road" ? "popup.why" : "popup.more"))) : "";
    if (told.w) box.append(beforeAfter(told.w), link); // it is seen without scrolling
    const facts = element("dl");
    told.v.forEach((value, number) => {
      if (value !== null) facts.append(element("dt", {}, config.fields[name][number]), element("dd", {}, element("bdi", {}, value)));
    });
    box.append(facts, told.w ? "" : link);
    return box;
  }

  function beforeAfter(sides) { // as `maps/swipe.py` draws it, without what its page tells besides
    const shown = sides.map(([src, day, width, height], number) => {
      const words = say(number ? "swipe.after" : "swipe.before");
      const picture = element("img", { src, alt: `${words} ${day}`, width, height });
      return element("div", { class: `swipe-side ${number ? "after" : "before"}` }, picture, element("p", {}, element("b", {}, words), " ", element("bdi", {}, day)));
    });
    const line = element("span", { class: "swipe-line", "aria-hidden": "true" });
    const bar = element("input", { type: "range", "aria-label": say("compare.bar") });
    const figure = element("figure", { class: "swipe" }, element("div", { class: "swipe-sides" }, ...shown, line), element("label", { class: "swipe-bar" }, bar));
    for (const one of figure.querySelectorAll("img")) one.addEventListener("error", () => figure.replaceWith(element("p", {}, say("popup.lost"))));
    kkhSwipe(figure);
    return figure;
  }

  function opened(place, content, id) { // a popup that belongs to no layer; the map's address names what it tells
    const box = L.popup(roomy()).setLatLng(place).setContent(content);
    box.kkhId = id;
    return box.openOn(map);
  }

  function show(id) {
    const { layer, feature } = features[id] || {};
    const [kind, key] = [id.slice(0, id.indexOf(":")), id.slice(id.indexOf(":") + 1)];
    if (cells && cells.has(kind)) return cells.show(kind, key);
    if (!feature) return;
    if (!layer) return atKm(feature.properties.m[0], feature);
    const open = () => map.hasLayer(layer) ? layer.openPopup()
      : opened(layer.getLatLng ? layer.getLatLng() : layer.getBounds().getCenter(), popup(feature, kind), id); // its layer is switched off
    if (layer.getLatLng && cluster && cluster.hasLayer(layer)) {
      map.setView(layer.getLatLng(), Math.max(map.getZoom(), 13), { animate: false });
      cluster.zoomToShowLayer(layer, open);
      return;
    }
    if (layer.getLatLng) map.setView(layer.getLatLng(), Math.max(map.getZoom(), 13), { animate: false });
    else map.fitBounds(layer.getBounds(), { maxZoom: 13, animate: false }); // a line has no mark of its own
    open();
  }

  function clusterIcon(group) {
    const count = group.getChildCount();
    const size = count < 10 ? 24 : count < 100 ? 26 : count < 1000 ? 32 : 40;
    const told = element("span", { class: "kkh-cluster", title: say("cluster", { n: count }) }, String(count));
    cluster = group._group;
    return L.divIcon({ html: told, iconSize: [size, size], className: "kkh-mark" });
  }

  /* ---- the road as a measure ---- */

  function measure(feature) {
    const [first, last] = feature.properties.m, line = feature.geometry.coordinates;
    squeeze = squeeze || Math.cos((line[0][1] * Math.PI) / 180);
    const points = line.map(([lon, lat]) => [lon * squeeze, lat, 0]);
    let length = 0;
    points.forEach((point, i) => {
      if (i) length += Math.hypot(point[0] - points[i - 1][0], point[1] - points[i - 1][1]);
      point[2] = length;
    });
    for (const point of points) point[2] = first + ((last - first) * point[2]) / (length || 1);
    road.push({ first, last, points, feature });
  }

  function placeOf(km) {
    const part = road.find((one) => km >= one.first && km < one.last) || road.find((one) => km === one.last);
    if (!part) return null;
    const i = Math.max(1, part.points.findIndex((point) => point[2] >= km));
    const [a, b] = [part.points[i - 1], part.points[i]];
    const t = (km - a[2]) / (b[2] - a[2] || 1);
    return { latlng: L.latLng(a[1] + t * (b[1] - a[1]), (a[0] + t * (b[0] - a[0])) / squeeze), feature: part.feature };
  }

  function nearest(latlng) {
    const [x, y] = [latlng.lng * squeeze, latlng.lat];
    let best = null;
    for (const { points, feature } of road) {
      for (let i = 1; i < points.length; i++) {
        const [a, b] = [points[i - 1], points[i]], dx = b[0] - a[0], dy = b[1] - a[1];
        const t = Math.min(1, Math.max(0, ((x - a[0]) * dx + (y - a[1]) * dy) / (dx * dx + dy * dy || 1)));
        const distance = Math.hypot(a[0] + t * dx - x, a[1] + t * dy - y);
        if (!best || distance < best.distance)
          best = { distance, feature, km: a[2] + t * (b[2] - a[2]), latlng: L.latLng(a[1] + t * dy, (a[0] + t * dx) / squeeze) };
      }
    }
    if (best) best.metres = map.distance(latlng, best.latlng);
    return best;
  }

  function atKm(km, feature) {
    const found = placeOf(km);
    if (!found) return null;
    map.setView(found.latlng, Math.max(map.getZoom(), 13), { animate: false });
    opened(found.latlng, popup(feature || found.feature, "road"), (feature || found.feature).id);
    return found.latlng;
  }

  function follow() { // the kilometre beside the pointer; a click tells the rating
    const label = L.tooltip({ direction: "top", offset: [0, -8], className: "kkh-hover" });
    const near = (event, pixels) => {
      const found = road.length ? nearest(event.latlng) : null;
      const apart = found && map.latLngToContainerPoint(found.latlng).distanceTo(event.containerPoint);
      return found && apart <= pixels ? found : null;
    };
    map.on("mousemove", (event) => {
      if (map.kkhBusy) return;
      const found = near(event, 12);
      map.getContainer().classList.toggle("kkh-on-road", Boolean(found));
      if (!found) return label.remove();
      label.setLatLng(found.latlng).setContent(
        element("span", { dir: config.dir }, `${say("value.km", { km: found.km.toFixed(1) })} · ${found.feature.properties.v[0]}`));
      if (!map.hasLayer(label)) label.addTo(map);
    });
    map.on("mouseout", () => label.remove());
    map.on("click", (event) => {
      const found = !map.kkhBusy && near(event, 14);
      if (found) opened(found.latlng, popup(found.feature, "road"), found.feature.id);
    });
  }

  /* ---- names, kilometre posts and the grid: as many as have room ---- */

  const STEPS = [[13, 1], [11.5, 5], [9.5, 10], [7.5, 50], [0, 100]];

  function marks() { // boxes of what lies on the map already: names keep clear of it
    const boxes = [];
    map.eachLayer((one) => {
      if (!(one instanceof L.Marker) || one.options.pane !== "markerPane") return;
      const mark = one.getElement(), half = mark.offsetWidth / 2; // an alert may stand beside its place
      const at = map.latLngToContainerPoint(one.getLatLng()).add([parseFloat(mark.style.marginLeft) + half, parseFloat(mark.style.marginTop) + half]);
      boxes.push([at.x - half, at.y - half, at.x + half, at.y + half]);
    });
    return boxes;
  }

  function labels() {
    const group = L.layerGroup(), pen = document.createElement("canvas").getContext("2d");
    const draw = () => {
      if (!map.hasLayer(group)) return;
      group.clearLayers();
      const taken = marks(), seen = map.getBounds(), step = STEPS.find(([zoom]) => map.getZoom() >= zoom)[1];
      const put = (latlng, text, kind, big) => {
        if (!seen.contains(latlng)) return;
        pen.font = big ? "600 13px sans-serif" : "600 11px sans-serif";
        const wide = pen.measureText(text).width + 12, high = big ? 20 : 16, at = map.latLngToContainerPoint(latlng);
        for (const [dx, dy] of [[8, -high / 2], [-8 - wide, -high / 2], [-wide / 2, -high - 8], [-wide / 2, 8]]) {
          const box = [at.x + dx, at.y + dy, at.x + dx + wide, at.y + dy + high];
          if (taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1])) continue;
          taken.push(box);
          const icon = L.divIcon({ html: element("span", { class: kind, dir: "auto" }, text), className: "kkh-label",
            iconSize: [wide, high], iconAnchor: [-dx, -dy] });
          L.marker(latlng, { icon, pane: "labels", interactive: false, keyboard: false }).addTo(group);
          return;
        }
      };
      for (const [name, , , lon, lat] of config.places) put(L.latLng(lat, lon), name, "kkh-place", true);
      const room = map.getZoom() < 8 ? 6 : map.getZoom() < 11 ? 20 : 60; // of a file of places as many as can be read
      for (const [name, , lon, lat] of config.spots.filter(([, , lon, lat]) => seen.contains([lat, lon])).slice(0, room))
        put(L.latLng(lat, lon), name, "kkh-spot", false);
      for (const [name, lon, lat] of config.waters) put(L.latLng(lat, lon), name, "kkh-water", false);
      for (const { first, last } of road) {
        const km = Math.ceil(first / step) * step;
        if (km < last) put(placeOf(km).latlng, String(km), "kkh-post", false);
      }
    };
    for (const [, , , lon, lat] of config.places)
      L.circleMarker([lat, lon], { radius: 3.5, color: "#22262b", weight: 1.5, fillColor: "#fff", fillOpacity: 1, interactive: false, pane: "dots" }).addTo(map);
    const later = () => requestAnimationFrame(draw); // clusters are put in place first
    map.on("moveend zoomend resize overlayadd overlayremove kkhspread", later);
    group.on("add", later);
    return group.addTo(map);
  }

  function grid() {
    const group = L.layerGroup().addTo(map);
    const draw = () => {
      group.clearLayers();
      const seen = map.getBounds(), [w, h] = [map.getSize().x, map.getSize().y];
      const step = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10].find((one) => (one / (seen.getEast() - seen.getWest())) * w > 110) || 20;
      const line = (ends) => L.polyline(ends, { pane: "grid", interactive: false, color: "#8b8f8a", weight: 0.7, opacity: 0.6 }).addTo(group);
      const name = (latlng, text, anchor) => L.marker(latlng, { pane: "grid", interactive: false, keyboard: false,
        icon: L.divIcon({ html: element("span", { class: "kkh-degree" }, text), className: "kkh-label", iconSize: [64, 14], iconAnchor: anchor }) }).addTo(group);
      const digits = step < 0.1 ? 2 : step < 1 ? 1 : 0;
      for (let x = Math.ceil(seen.getWest() / step) * step; x < seen.getEast(); x += step) {
        line([[seen.getSouth(), x], [seen.getNorth(), x]]);
        const left = map.latLngToContainerPoint([seen.getNorth(), x]).x;
        if (left > 150 && left < w - 60) name(map.containerPointToLatLng([left, h]), `${x.toFixed(digits)}° E`, [-3, 16]);
      }
      for (let y = Math.ceil(seen.getSouth() / step) * step; y < seen.getNorth(); y += step) {
        line([[y, seen.getWest()], [y, seen.getEast()]]);
        name(map.containerPointToLatLng([w, map.latLngToContainerPoint([y, seen.getWest()]).y]), `${y.toFixed(digits)}° N`, [66, 15]);
      }
    };
    map.on("moveend zoomend resize", draw);
    draw();
  }

  /* ---- once all is there ---- */

  function tree(control) { // the flat list that Leaflet makes, as branches that are folded and switched as one
    control.getContainer().querySelector(".leaflet-control-layers-toggle").title = say("layer.choose");
    const folded = new Set();
    const plain = control._update;
    control._update = function () {
      plain.call(this);
      const lines = [...this._overlaysList.children];
      const inputs = (branch) => [...branch.querySelectorAll("label input")];
      for (const [title, names] of config.groups) {
        const own = names.flatMap((name) => lines.filter((line) => line.querySelector(`[data-layer="${name}"]`)));
        if (!own.length) continue;
        const all = element("input", { type: "checkbox", "aria-label": title });
        const leaves = element("details", {}, element("summary", {}, title), ...own);
        const branch = element("div", { class: "kkh-branch" }, all, leaves);
        leaves.open = !folded.has(title);
        leaves.addEventListener("toggle", () => (leaves.open ? folded.delete(title) : folded.add(title)));
        const tell = () => {
          const on = inputs(branch).filter((one) => one.checked).length;
          all.checked = on > 0;
          all.indeterminate = on > 0 && on < own.length;
        };
        all.addEventListener("change", () => {
          const wanted = all.checked; // each leaf that follows tells the branch anew
          inputs(branch).forEach((one) => one.checked !== wanted && one.click());
        });
        branch.addEventListener("change", tell);
        tell();
        this._overlaysList.append(branch);
      }
      return this;
    };
    control._update();
    const fit = () => { // never taller than the map
      control._section.style.maxHeight = `${Math.max(120, map.getSize().y - 90)}px`;
      if (narrow()) control.collapse();
    };
    map.on("resize", fit);
    fit();
  }

  function finish(control, paved) {
    if (paved) surface(paved);
    control.addOverlay(labels(), `<span data-layer="labels">${say("layer.labels")}</span>`);
    if (config.bases) control.addBaseLayer(L.layerGroup(), `<span data-layer="base-plain">${say("layer.base-plain")}</span>`);
    grid();
    follow();
    const kit = { map, control, config, say, element, roomy, popup, show, features, road, dated, opened, placeOf, nearest, atKm, rounded, calm,
      narrow, bytes, squeeze: () => squeeze };
    kit.missing = kkhMissing.add(kit);
    if (config.motion.sets.length) kkhMotion.add(kit);
    map.kkhStyle = style;
    if (config.cells.length) cells = kkhCells.add(kit);
    tree(control);
    kit.time = kkhTime.add({ ...kit, cells });
    kit.tools = kkhTools.add(kit);
    kkhSearch.add(kit);
    kkhSpread.add(kit);
    for (const button of document.querySelectorAll("[data-show]"))
      button.addEventListener("click", () => {
        map.getContainer().scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
        kit.time.reveal((features[button.dataset.show] || {}).layer); // what is asked for is shown, whatever time was chosen
        show(button.dataset.show);
      });
    keyboard();
    kkhState.keep(kit);
    document.getElementById("kkh-state").hidden = true;
    window.kkhMap = map; // for whoever wants to look at the map from outside
  }

  async function bytes(address) { // of a tile: of the file that this map is, else fetched
    if (config.pack) return Uint8Array.from(atob(config.pack[address] || ""), (sign) => sign.charCodeAt(0)).buffer;
    const answer = await fetch(address);
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.arrayBuffer();
  }

  function keyboard() { // whoever opens a popup by key is led into it, and back to where they were
    let from = null;
    document.addEventListener("keydown", (event) => {
      byKeyboard = true;
      if (event.key === "Escape") map.closePopup(); // wherever the focus is
    }, true);
    document.addEventListener("pointerdown", () => { byKeyboard = false; }, true);
    map.on("popupopen", (event) => {
      const close = event.popup.getElement().querySelector(".leaflet-popup-close-button");
      if (close) close.setAttribute("aria-label", say("popup.close"));
      const box = event.popup.getElement().querySelector(".kkh-told");
      if (byKeyboard && box) { from = document.activeElement; box.focus({ preventScroll: true }); }
    });
    map.on("popupclose", () => { if (from && from.isConnected) from.focus({ preventScroll: true }); from = null; });
  }

  return { calm, narrow, setup, style, border, river, bytes, marker, each, pave, finish, cluster: clusterIcon, radius: (zoom) => (zoom >= 13 ? 36 : 46) };
})();
