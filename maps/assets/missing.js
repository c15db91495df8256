/* What could not be loaded is told on the map: an empty place must never pass for one where nothing is known. */
"use strict";
const kkhMissing = (() => {
  const BELOW = /^(base-|rivers|boundaries|labels)/; // layers that hold no records

  function add({ map, control, config, say, element }) {
    const tiles = new Map(); // layer -> its tiles that failed
    const parts = new Map(); // name of what was fetched as one -> how it is asked for again
    const told = element("p", { role: "status" }), again = element("button", { type: "button", hidden: "" }, say("missing.again"));
    const box = element("div", { class: "kkh-missing", dir: config.dir }, told, again);
    let due = 0, trying = false;

    function named(layer) { // as the list of layers names it, without mark and count
      const line = control._layers.find((one) => one.layer === layer);
      if (!line) return { name: layer.options.kkhName || "", below: true };
      const shown = document.createElement("template"); // never part of the page
      shown.innerHTML = line.name;
      const { textContent, dataset } = shown.content.querySelector("[data-layer]");
      return { name: textContent.trim().replace(/\s*\([\d,]+\)$/, ""), below: BELOW.test(dataset.layer) };
    }

    function tell() {
      const lacking = [...tiles].filter(([layer, keys]) => keys.size && map.hasLayer(layer)).map(([layer]) => layer);
      trying = trying && [...tiles.keys()].some((layer) => map.hasLayer(layer) && layer.isLoading());
      const found = [...lacking.map(named), ...[...parts.keys()].map((name) => ({ name, below: true }))];
      const names = [...new Set(found.map(({ name }) => name))].join(say("comma"));
      const text = trying ? say("missing.trying") : names && say(found.every(({ below }) => below) ? "missing.below" : "missing.records", { names });
      if (told.textContent !== text) told.textContent = text;
      again.hidden = !names || trying;
    }

    const later = () => { cancelAnimationFrame(due); due = requestAnimationFrame(tell); };

    function watch(layer) {
      if (!(layer instanceof L.GridLayer) || tiles.has(layer)) return;
      const keys = new Set(), key = ({ coords }) => `${coords.z}/${coords.y}/${coords.x}`;
      tiles.set(layer, keys);
      layer.on("tileerror", (event) => { keys.add(key(event)); later(); });
      layer.on("tileload tileunload", (event) => { if (keys.delete(key(event))) later(); });
      layer.on("load", later);
    }

    function retry() { // of what failed alone: what is there stays
      trying = true;
      for (const [layer, keys] of tiles) {
        if (!keys.size || !map.hasLayer(layer)) continue;
        for (const key of Object.keys(layer._tiles)) {
          const { z, y, x } = layer._tiles[key].coords;
          if (keys.has(`${z}/${y}/${x}`)) layer._removeTile(key);
        }
        layer._update();
      }
      for (const ask of [...parts.values()]) ask();
      tell();
    }

    function part(name, ask) { // what was fetched as one: how to ask again where that failed, null where it is there
      if (ask) parts.set(name, ask); else parts.delete(name);
      later();
    }

    map.eachLayer(watch);
    map.on("layeradd", ({ layer }) => watch(layer));
    map.on("layerremove", ({ layer }) => { if (tiles.delete(layer)) { layer.off("tileerror tileload tileunload load"); later(); } });
    again.addEventListener("click", retry);
    window.addEventListener("online", retry);
    L.DomEvent.disableClickPropagation(box);
    map.getContainer().append(box);
    return { part };
  }

  return { add };
})();
