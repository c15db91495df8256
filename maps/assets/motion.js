/* Points that InSAR has measured, as vector tiles on a canvas: however many there are, a tile holds a few thousand of them. */
"use strict";
const kkhMotion = (() => {
  const KEPT = 4; // points looked at before, to compare a new one with
  const seen = [];

  function features(buffer, layer) { // of one layer of a Mapbox vector tile: id, x and y as shares of the tile, value
    const found = [], keys = [], values = [];
    let extent = 4096;
    const value = (tag, _, pbf) => {
      if (tag === 2) return values.push(pbf.readFloat());
      if (tag === 3) return values.push(pbf.readDouble());
      if (tag === 4 || tag === 5) return values.push(pbf.readVarint(tag === 4));
      if (tag === 6) return values.push(pbf.readSVarint());
      if (tag === 7) return values.push(pbf.readBoolean());
      if (tag === 1) values.push(pbf.readString());
    };
    const feature = (tag, one, pbf) => {
      if (tag === 1) one.id = pbf.readVarint();
      else if (tag === 2) one.tags = pbf.readPackedVarint();
      else if (tag === 4) one.shape = pbf.readPackedVarint();
    };
    const part = (tag, _, pbf) => {
      if (tag === 2) found.push(pbf.readMessage(feature, {}));
      else if (tag === 3) keys.push(pbf.readString());
      else if (tag === 4) pbf.readMessage(value, null);
      else if (tag === 5) extent = pbf.readVarint();
    };
    new Pbf(buffer).readFields((tag, _, pbf) => { if (tag === 3) pbf.readMessage(part, null); }, null);
    const unzigzag = (n) => (n >> 1) ^ -(n & 1);
    const rate = keys.indexOf("velocity_mm_yr");
    return found.map(({ id, tags, shape }) => {
      let told = null;
      for (let i = 0; tags && i < tags.length; i += 2) if (tags[i] === rate) told = values[tags[i + 1]];
      return { id, layer, x: unzigzag(shape[1]) / extent, y: unzigzag(shape[2]) / extent, rate: told };
    });
  }

  const colour = (rate, scale) => {
    if (rate === null) return scale.unknown;
    const place = scale.limits.findIndex((limit) => rate < limit);
    return scale.colours[place < 0 ? scale.colours.length - 1 : place];
  };

  const Layer = L.GridLayer.extend({
    initialize(set, options) {
      this.set = set;
      this.points = new Map(); // tile -> its points
      L.GridLayer.prototype.initialize.call(this, options);
      this.on("tileunload", ({ coords }) => this.points.delete(this._tileCoordsToKey(coords)));
    },
    createTile(coords, done) {
      const side = this.getTileSize().x, fine = window.devicePixelRatio || 1;
      const tile = document.createElement("canvas");
      tile.width = tile.height = side * fine;
      const address = this.set.tiles.replace("{z}", coords.z).replace("{x}", coords.x).replace("{y}", coords.y);
      fetch(address).then((answer) => {
        if (!answer.ok) throw new Error(String(answer.status));
        return answer.arrayBuffer();
      }).then((buffer) => {
        const points = features(buffer, this);
        points.sort((a, b) => Math.abs(a.rate || 0) - Math.abs(b.rate || 0)); // what moves lies on top
        this.points.set(this._tileCoordsToKey(coords), { coords, points });
        this.draw(tile.getContext("2d"), points, side * fine, fine, coords.z);
        done(null, tile);
        this.fire("drawn");
      }).catch((error) => done(error, tile));
      return tile;
    },
    draw(pen, points, side, fine, zoom) {
      const radius = fine * (zoom >= 15 ? 5 : zoom >= 12 ? 3.5 : 2.6);
      for (const { x, y, rate } of points) {
        pen.beginPath();
        pen.arc(x * side, y * side, radius, 0, 2 * Math.PI);
        pen.fillStyle = colour(rate, this.options.scale);
        pen.fill();
        if (zoom >= 12) {
          pen.lineWidth = 0.6 * fine;
          pen.strokeStyle = "rgba(34,38,43,.6)";
          pen.stroke();
        }
      }
    },
    nearest(latlng, pixels) {
      const zoom = this._tileZoom, side = this.getTileSize().x;
      const at = this._map.project(latlng, zoom);
      let best = null;
      for (const { coords, points } of this.points.values()) {
        if (coords.z !== zoom) continue;
        for (const one of points) {
          const distance = Math.hypot((coords.x + one.x) * side - at.x, (coords.y + one.y) * side - at.y);
          if (distance <= pixels && (!best || distance < best.distance)) best = { ...one, distance, set: this.set };
        }
      }
      return best;
    },
  });

  function popup(point, say, dir, element) {
    const box = element("div", { dir, tabindex: "-1", class: "kkh-told" }, element("h3", {}, element("bdi", {}, point.set.name)));
    const facts = element("dl");
    const fact = (name, told) => facts.append(element("dt", {}, name), element("dd", {}, element("bdi", {}, told)));
    fact(say("motion.rate"), point.rate === null ? "–" : `${point.rate.toFixed(1)} mm/yr`);
    fact(say("motion.reference"), point.set.reference);
    box.append(facts, element("p", {}, element("a", { href: `/displacement/points/${point.id}` }, say("motion.series"))));
    const others = seen.filter((id) => id !== point.id);
    if (others.length) {
      const href = `/displacement/plot?points=${[point.id, ...others].join(",")}`;
      box.append(element("p", {}, element("a", { href }, say("motion.compare", { n: others.length + 1 }))));
    }
    seen.splice(0, seen.length, point.id, ...others.slice(0, KEPT - 1));
    return box;
  }

  function add(map, control, { sets, scale }, { say, dir, element, roomy }) {
    const layers = sets.map((set) => {
      const { bounds: [west, south, east, north] } = set;
      const options = { scale, pane: "points", bounds: [[south, west], [north, east]], updateWhenZooming: false };
      const layer = new Layer(set, options);
      const name = element("span", {}, element("bdi", {}, set.name), ` (${set.count})`);
      control.addOverlay(layer, `<span data-layer="points">${scale.sample} ${say("layer.points")}: ${name.innerHTML}</span>`);
      return layer;
    });
    if (layers.length) layers[0].addTo(map); // of the newest set; the others wait in the list of layers
    map.on("click", (event) => {
      const found = layers.filter((layer) => map.hasLayer(layer)).map((layer) => layer.nearest(event.latlng, 9)).filter(Boolean);
      found.sort((a, b) => a.distance - b.distance);
      if (found.length) L.popup(roomy()).setLatLng(event.latlng).setContent(popup(found[0], say, dir, element)).openOn(map);
    });
  }

  return { add, features };
})();
