/* Points that InSAR has measured, coloured by rate. */
"use strict";
const kkhMotion = (() => {
  const KEPT = 4; // points looked at before, to compare a new one with
  const seen = [];
  const rate = (point) => (point.told.velocity_mm_yr === undefined ? null : point.told.velocity_mm_yr);

  const colour = (told, scale) => {
    if (told === null) return scale.unknown;
    const place = scale.limits.findIndex((limit) => told < limit);
    return scale.colours[place < 0 ? scale.colours.length - 1 : place];
  };

  const dot = (scale) => (pen, x, y, point, fine, zoom) => {
    pen.beginPath();
    pen.arc(x, y, fine * (zoom >= 15 ? 5 : zoom >= 12 ? 3.5 : 2.6), 0, 2 * Math.PI);
    pen.fillStyle = colour(rate(point), scale);
    pen.fill();
    if (zoom < 12) return;
    pen.lineWidth = 0.6 * fine;
    pen.strokeStyle = "rgba(34,38,43,.6)";
    pen.stroke();
  };

  function popup(point, { say, config, element }) {
    const { set } = point.layer.options;
    const box = element("div", { dir: config.dir, tabindex: "-1", class: "kkh-told" }, element("h3", {}, element("bdi", {}, set.name)));
    const facts = element("dl");
    const fact = (name, told) => facts.append(element("dt", {}, name), element("dd", {}, element("bdi", {}, told)));
    fact(say("motion.rate"), rate(point) === null ? "–" : `${rate(point).toFixed(1)} mm/yr`);
    fact(say("motion.reference"), set.reference);
    box.append(facts);
    if (config.pack) return box; // a file has no pages
    box.append(element("p", {}, element("a", { href: `/displacement/points/${point.id}` }, say("motion.series"))));
    const others = seen.filter((id) => id !== point.id);
    if (others.length) {
      const href = `/displacement/plot?points=${[point.id, ...others].join(",")}`;
      box.append(element("p", {}, element("a", { href }, say("motion.compare", { n: others.length + 1 }))));
    }
    seen.splice(0, seen.length, point.id, ...others.slice(0, KEPT - 1));
    return box;
  }

  function add(kit) {
    const { map, control, config: { motion: { sets, scale, closest } }, say, element, roomy } = kit;
    const order = (a, b) => Math.abs(rate(a) || 0) - Math.abs(rate(b) || 0); // what moves lies on top
    const layers = sets.map((set) => {
      const { bounds: [west, south, east, north] } = set;
      const options = { set, order, dot: dot(scale), pane: "points", bounds: [[south, west], [north, east]], updateWhenZooming: false,
        ...(closest === null ? {} : { maxNativeZoom: closest }) };
      const layer = new kkhPoints.Layer(set.tiles, options);
      const name = element("span", {}, element("bdi", {}, set.name), ` (${set.count})`);
      control.addOverlay(layer, `<span data-layer="points" data-set="${set.id}">${scale.sample} ${say("layer.points")}: ${name.innerHTML}</span>`);
      return layer;
    });
    if (layers.length) layers[0].addTo(map); // of the newest set; the others wait in the list of layers
    map.on("click", (event) => {
      const found = !map.kkhBusy && kkhPoints.closest(map, layers, event.latlng, 9);
      if (found) L.popup(roomy()).setLatLng(event.latlng).setContent(popup(found, kit)).openOn(map);
    });
  }

  return { add };
})();
