/* Points from vector tiles on a canvas, however many there are: what each kind of points looks like is said by who adds it. */
"use strict";
const kkhPoints = (() => {
  function features(buffer) { // of a Mapbox vector tile: id, x and y as shares of the tile, tags by name
    const found = [], keys = [], values = [];
    let extent = 4096;
    const value = (tag, _, pbf) => {
      if (tag === 1) return values.push(pbf.readString());
      if (tag === 2) return values.push(pbf.readFloat());
      if (tag === 3) return values.push(pbf.readDouble());
      if (tag === 4 || tag === 5) return values.push(pbf.readVarint(tag === 4));
      if (tag === 6) return values.push(pbf.readSVarint());
      if (tag === 7) return values.push(pbf.readBoolean());
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
    return found.map(({ id, tags, shape }) => {
      const told = {};
      for (let i = 0; tags && i < tags.length; i += 2) told[keys[tags[i]]] = values[tags[i + 1]];
      return { id, told, x: unzigzag(shape[1]) / extent, y: unzigzag(shape[2]) / extent };
    });
  }

  const Layer = L.GridLayer.extend({ // options: order(points), dot(pen, x, y, point, fine, zoom)
    initialize(address, options) {
      this.address = address;
      this.points = new Map(); // tile -> its points
      L.GridLayer.prototype.initialize.call(this, options);
      this.on("tileunload", ({ coords }) => this.points.delete(this._tileCoordsToKey(coords)));
    },
    createTile(coords, done) {
      const side = this.getTileSize().x, fine = window.devicePixelRatio || 1;
      const tile = document.createElement("canvas");
      tile.width = tile.height = side * fine;
      const address = this.address.replace("{z}", coords.z).replace("{x}", coords.x).replace("{y}", coords.y);
      const key = this._tileCoordsToKey(coords), gone = () => this._tiles[key]?.el !== tile; // other records were asked for meanwhile
      kkh.bytes(address).then((buffer) => {
        if (gone()) return;
        const points = features(buffer).sort(this.options.order), pen = tile.getContext("2d");
        this.points.set(key, { coords, points });
        for (const one of points) this.options.dot(pen, one.x * side * fine, one.y * side * fine, one, fine, coords.z);
        done(null, tile);
      }).catch((error) => gone() || done(error, tile));
      return tile;
    },
    _clampZoom(zoom) { // Leaflet's redraw() asks for tiles of half zooms where the map has one
      return L.GridLayer.prototype._clampZoom.call(this, Math.round(zoom));
    },
    ask(address) { // of other records
      this.address = address;
      this.redraw();
    },
    nearest(latlng, pixels) {
      const zoom = this._tileZoom, side = this.getTileSize().x;
      const at = this._map.project(latlng, zoom);
      let best = null;
      for (const { coords, points } of this.points.values()) {
        if (coords.z !== zoom) continue;
        for (const one of points) {
          const distance = Math.hypot((coords.x + one.x) * side - at.x, (coords.y + one.y) * side - at.y);
          if (distance <= pixels && (!best || distance < best.distance)) {
            const place = this._map.unproject([(coords.x + one.x) * side, (coords.y + one.y) * side], zoom);
            best = { ...one, distance, place, layer: this };
          }
        }
      }
      return best;
    },
  });

  const closest = (map, layers, latlng, pixels) => layers.filter((one) => map.hasLayer(one))
    .map((one) => one.nearest(latlng, pixels)).filter(Boolean).sort((a, b) => a.distance - b.distance)[0];

  return { Layer, closest };
})();
