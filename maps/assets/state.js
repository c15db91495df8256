/* The address of a map holds what it shows: place, layers, time, the record that is open. */
"use strict";
const kkhState = (() => {
  const asked = () => new URLSearchParams(location.hash.slice(1));

  function view() {
    const [zoom, lat, lon] = (asked().get("at") || "").split("/").map(Number);
    const there = [zoom, lat, lon].every(Number.isFinite) && Math.abs(lat) <= 85 && Math.abs(lon) <= 180 && zoom >= 4 && zoom <= 18;
    return there ? { zoom, at: [lat, lon] } : null;
  }

  function keep({ map, control, time, tools, show, features, calm }) {
    const named = control._layers.map(({ layer, name, overlay }) => {
      const box = document.createElement("template"); // never part of the page
      box.innerHTML = name;
      const { layer: kind, set } = box.content.querySelector("[data-layer]").dataset;
      return { layer, overlay, name: set ? `${kind}.${set}` : kind, shown: map.hasLayer(layer) };
    });
    const overlays = named.filter((one) => one.overlay), bases = named.filter((one) => !one.overlay);
    const start = bases.find((one) => one.shown);
    let open = null, timer = null, restoring = false;

    function address() {
      const { lat, lng } = map.getCenter(), told = new URLSearchParams();
      told.set("at", `${map.getZoom()}/${lat.toFixed(5)}/${lng.toFixed(5)}`);
      const turned = (shown) => overlays.filter((one) => one.shown !== shown && map.hasLayer(one.layer) === shown).map((one) => one.name).join(",");
      const base = bases.find((one) => map.hasLayer(one.layer));
      const parts = { on: turned(true), off: turned(false), ...time.told(), base: base && base !== start ? base.name : null, open, ...tools.told() };
      for (const [name, value] of Object.entries(parts)) if (value) told.set(name, value);
      return `#${told.toString().replace(/%2F/g, "/").replace(/%2C/g, ",").replace(/%3A/g, ":")}`;
    }

    const write = () => {
      clearTimeout(timer);
      if (!restoring) timer = setTimeout(() => history.replaceState(history.state, "", address()), 200);
    };

    function restore() {
      const told = asked(), [on, off] = ["on", "off"].map((name) => (told.get(name) || "").split(","));
      restoring = true;
      const place = view();
      if (place) map.setView(place.at, place.zoom, { animate: false });
      for (const one of overlays) {
        const wanted = on.includes(one.name) || (one.shown && !off.includes(one.name));
        if (wanted !== map.hasLayer(one.layer)) map[wanted ? "addLayer" : "removeLayer"](one.layer);
      }
      const base = bases.find((one) => one.name === told.get("base")) || start;
      if (base && !map.hasLayer(base.layer)) { bases.forEach((one) => one.layer.remove()); base.layer.addTo(map); }
      time.restore({ since: told.get("since"), until: told.get("until") });
      tools.restore(told);
      if (told.get("open") && (features[told.get("open")] || told.get("open").includes(":"))) show(told.get("open"));
      restoring = false;
    }

    map.on("popupopen", ({ popup }) => {
      const source = popup._source;
      open = Object.keys(features).find((id) => features[id].layer && features[id].layer === source) || popup.kkhId || null;
      write();
    });
    map.on("popupclose", () => { open = null; write(); });
    if (location.hash.length > 1) restore();
    map.on("moveend overlayadd overlayremove baselayerchange kkhtime kkhtools", write);
    window.addEventListener("hashchange", restore); // an address pasted into the same page
    return { address };
  }

  return { view, keep };
})();
