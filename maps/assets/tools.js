/* Buttons beside the map: measure, compare, dark ground, link, print, save. */
"use strict";
const kkhTools = (() => {
  const DRAWN = {
    measure: "M3 16 16 3l5 5L8 21zM7 12l2 2M10 9l3 3M13 6l2 2", compare: "M12 2v20M3 5h6v14H3zM15 5h6v14h-6z",
    dark: "M20 14A8 8 0 1 1 10 4a7 7 0 0 0 10 10z", link: "M9 15 15 9M8 11l-3 3a3.5 3.5 0 0 0 5 5l3-3M16 13l3-3a3.5 3.5 0 0 0-5-5l-3 3",
    print: "M7 8V3h10v5M7 17H4v-8h16v8h-3M7 14h10v7H7z", save: "M12 3v12M7 11l5 5 5-5M4 20h16",
  };

  function icon(name) {
    const picture = document.createElementNS("http://www.w3.org/2000/svg", "svg"), path = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true", fill: "none", stroke: "currentColor", "stroke-width": 2 }))
      picture.setAttribute(key, value);
    path.setAttribute("d", DRAWN[name]);
    picture.append(path);
    return picture;
  }

  async function print(map) { // on paper's own size before the window is asked for, so that nothing is missing on the sheet
    const page = document.documentElement, seen = map.getBounds();
    page.classList.add("kkh-printing");
    map.invalidateSize({ animate: false });
    map.fitBounds(seen, { animate: false });
    for (let waited = 0; waited < 50 && document.querySelector(".leaflet-tile:not(.leaflet-tile-loaded)"); waited++)
      await new Promise((done) => setTimeout(done, 100));
    window.print();
    page.classList.remove("kkh-printing");
    map.invalidateSize({ animate: false });
    map.fitBounds(seen, { animate: false });
  }

  function add(kit) {
    const { map, config, say, element } = kit;
    const answer = document.getElementById("kkh-answer"), panels = { measure: kkhMeasure.add(kit), compare: kkhCompare.add(kit) };
    const buttons = {};
    let open = null, dark = window.matchMedia("(prefers-color-scheme: dark)").matches;
    const own = dark;

    const place = L.control({ position: config.dir === "rtl" ? "topright" : "topleft" });
    const shown = element("div", { class: "kkh-tool" });
    place.onAdd = () => {
      const bar = element("div", { class: "kkh-tools leaflet-bar", role: "toolbar", "aria-label": say("tools") });
      for (const name of Object.keys(DRAWN)) {
        if (name === "save" && !config.save) continue;
        const made = name === "save" ? element("a", { href: config.save, download: "" }) : element("button", { type: "button" });
        made.append(icon(name));
        for (const where of ["title", "aria-label"]) made.setAttribute(where, say(`tools.${name}`));
        made.addEventListener("click", () => (acts[name] || (() => {}))());
        buttons[name] = made;
        bar.append(made);
      }
      const box = element("div", { class: "kkh-toolbox" }, bar, shown);
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      return box;
    };

    function choose(name, given) {
      const wanted = name !== open || given ? name : null;
      if (open && open !== wanted) panels[open].turn(false);
      open = wanted;
      shown.replaceChildren(...(open ? [panels[open].turn(true, given)] : []));
      for (const one of Object.keys(panels)) buttons[one].setAttribute("aria-pressed", String(one === open));
      map.fire("kkhtools");
    }

    function shade(wanted) {
      dark = wanted;
      map.getContainer().classList.toggle("kkh-dark", dark);
      buttons.dark.setAttribute("aria-pressed", String(dark));
      map.fire("kkhtools");
    }

    async function copy() {
      try {
        await navigator.clipboard.writeText(location.href);
        answer.textContent = say("tools.copied");
      } catch { // not allowed, or not from here
        answer.textContent = say("tools.copy", { link: location.href });
      }
    }

    const acts = { measure: () => choose("measure"), compare: () => choose("compare"), dark: () => shade(!dark), link: copy, print: () => print(map) };
    place.addTo(map);
    for (const one of Object.keys(panels)) buttons[one].setAttribute("aria-pressed", "false");
    shade(dark);
    window.addEventListener("beforeprint", () => map.invalidateSize({ animate: false }));

    return {
      told: () => ({ ...panels.compare.told(), dark: dark === own ? null : String(Number(dark)) }),
      restore(told) {
        if (told.get("dark")) shade(told.get("dark") === "1");
        const [before, after] = (told.get("compare") || "").split("~");
        if (before && after) choose("compare", { before, after });
      },
    };
  }

  return { add };
})();
