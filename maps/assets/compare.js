/* Two pictures of the same ground beside each other: a bar is moved across them. */
"use strict";
const kkhCompare = (() => {
  function add({ map, config, say, element, missing }) {
    const layers = {}, chosen = {};
    let scenes = config.scenes || [], on = false, share = 50;
    const bar = element("input", { type: "range", class: "kkh-bar", min: 0, max: 100, step: 0.5, value: share, dir: "ltr", "aria-label": say("compare.bar") });
    const days = { before: element("span"), after: element("span") }; // on the picture, and so on paper
    const line = element("div", { class: "kkh-swipe", "aria-hidden": "true" }, days.before, days.after), told = element("p", { role: "status" });
    const pick = (side) => {
      const list = element("select", { id: `kkh-${side}` });
      list.addEventListener("change", () => { chosen[side] = list.value; draw(); map.fire("kkhtools"); });
      return list;
    };
    const lists = { before: pick("before"), after: pick("after") };
    const panel = element("div", { class: "kkh-panel", dir: config.dir }, element("strong", {}, say("compare.title")),
      ...Object.entries(lists).map(([side, list]) => element("div", {}, element("label", { for: list.id }, say(`compare.${side}`)), list)),
      told, bar);

    function clip() { // panes move with the map: what is cut is counted from where it stands now
      const size = map.getSize(), corner = map.containerPointToLayerPoint([0, 0]), end = map.containerPointToLayerPoint(size);
      const at = corner.x + (size.x * share) / 100;
      map.getPane("before").style.clip = on ? `rect(${corner.y}px, ${at}px, ${end.y}px, ${corner.x}px)` : "";
      map.getPane("after").style.clip = on ? `rect(${corner.y}px, ${end.x}px, ${end.y}px, ${at}px)` : "";
      line.style.left = `${share}%`;
    }

    function draw() {
      for (const side of ["before", "after"]) {
        const scene = scenes.find((one) => one.id === chosen[side]);
        if (layers[side] && (!on || !scene || layers[side].kkhId !== scene.id)) { layers[side].remove(); layers[side] = null; }
        if (!on || !scene || layers[side]) continue;
        const [west, south, east, north] = scene.bounds;
        layers[side] = L.tileLayer(scene.tiles, { pane: side, bounds: [[south, west], [north, east]], maxNativeZoom: scene.closest, maxZoom: 18,
          kkhName: [scene.day, scene.name].filter(Boolean).join(" · ") }).addTo(map);
        layers[side].kkhId = scene.id;
      }
      for (const [side, list] of Object.entries(lists)) list.value = chosen[side] || "";
      const [one, other] = ["before", "after"].map((side) => scenes.find((scene) => scene.id === chosen[side]));
      told.textContent = one && other ? say("compare.told", { a: one.day, b: other.day }) : say(scenes.length > 1 ? "compare.how" : "compare.none");
      bar.disabled = !(one && other);
      if (one && other) [days.before.textContent, days.after.textContent] = [one.day, other.day];
      line.hidden = !on || bar.disabled;
      for (const pane of ["points", "areas"]) map.getPane(pane).style.opacity = line.hidden ? "" : 0.35; // the ground is looked at, through what is known of it
      clip();
    }

    function fill() {
      for (const list of Object.values(lists))
        list.replaceChildren(...scenes.map((one) => element("option", { value: one.id }, [one.day, one.name].filter(Boolean).join(" · "))));
      const [last, first] = [scenes[0], scenes[scenes.length - 1]]; // newest first
      for (const [side, scene] of [["before", first], ["after", last]])
        if (!scenes.some((one) => one.id === chosen[side])) chosen[side] = scene && scene.id;
      draw();
    }

    async function look() {
      let lost = false;
      if (!config.pack) {
        const box = map.getBounds(), at = [box.getWest(), box.getSouth(), box.getEast(), box.getNorth()].map((one) => one.toFixed(5)).join(",");
        told.textContent = say("compare.wait");
        try {
          const answer = await fetch(`/maps/scenes?bbox=${at}`);
          lost = !answer.ok;
          if (answer.ok) scenes = await answer.json();
        } catch { lost = true; } // no network
        missing.part(say("compare.title"), lost ? look : null);
      }
      if (on && lost) told.textContent = say("compare.failed");
      else if (on) fill();
    }

    bar.addEventListener("input", () => { share = Number(bar.value); clip(); });
    map.on("move zoomend resize", clip);
    map.getContainer().append(line);
    line.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      event.stopPropagation();
      map.dragging.disable();
      line.setPointerCapture(event.pointerId);
    });
    line.addEventListener("pointermove", (event) => {
      if (!line.hasPointerCapture(event.pointerId)) return;
      const box = map.getContainer().getBoundingClientRect();
      share = Math.min(100, Math.max(0, ((event.clientX - box.left) / box.width) * 100));
      bar.value = share;
      clip();
    });
    for (const end of ["pointerup", "pointercancel"]) line.addEventListener(end, () => map.dragging.enable());

    function turn(wanted, given) {
      on = wanted;
      missing.part(say("compare.title"), null);
      if (given) Object.assign(chosen, given);
      if (on) { map.closePopup(); look(); }
      draw();
      return panel;
    }
    draw();
    return { turn, told: () => (on && chosen.before && chosen.after ? { compare: `${chosen.before}~${chosen.after}` } : {}) };
  }

  return { add };
})();
