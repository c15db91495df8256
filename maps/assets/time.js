/* What changed since a day, and how things stood on one: one slider for records, outlines and snouts. */
"use strict";
const kkhTime = (() => {
  const DAY = 86_400_000, STEPS = 240;
  const text = (day) => new Date(day * DAY).toISOString().slice(0, 10);
  const count = (text) => Math.floor(Date.parse(`${text}T00:00:00Z`) / DAY);

  function owners(map) { // layer -> the groups that it is drawn by
    const found = new Map();
    map.eachLayer((one) => {
      if (one instanceof L.FeatureGroup.SubGroup) one.getLayers().forEach((group) => group.eachLayer((layer) => found.set(layer, { group, sub: one })));
    });
    map.eachLayer((one) => {
      if (one instanceof L.GeoJSON) one.eachLayer((layer) => found.has(layer) || found.set(layer, { group: one }));
    });
    return found;
  }

  function add({ map, config, say, element, dated, cells }) {
    const today = Math.floor(Date.now() / DAY);
    for (const one of dated) if (one.day) one.at = count(one.day);
    const first = dated.reduce((least, one) => Math.min(least, one.at ?? count(`${one.first}-01-01`)), today - 30);
    const step = Math.max(1, Math.ceil((today - first) / STEPS)), last = first + step * Math.ceil((today - first) / step); // the knob reaches its end
    const whole = { since: null, until: null };
    let chosen = { ...whole }, holders = null;

    function standsIn(one, day) { // outlines and snouts are those of years
      const year = Number(text(day).slice(0, 4));
      return one.first <= year && (one.until === undefined || year < one.until);
    }

    function choose(wanted) {
      chosen = { ...whole, ...wanted };
      const until = chosen.until ?? today + 36_500;
      holders = holders || owners(map);
      const moved = new Map(); // sub-group -> what comes and goes
      for (const one of dated) {
        const shown = one.day ? one.at <= until && (chosen.since === null || one.at >= chosen.since)
          : standsIn(one, chosen.until ?? today);
        const { group, sub } = holders.get(one.layer) || {};
        if (!group || shown === group.hasLayer(one.layer)) continue;
        if (shown) group.addLayer(one.layer); else group.removeLayer(one.layer);
        if (!sub) continue;
        if (!moved.has(sub)) moved.set(sub, [[], []]);
        moved.get(sub)[shown ? 0 : 1].push(one.layer);
      }
      for (const [sub, [come, gone]] of moved) {
        if (!map.hasLayer(sub)) continue;
        sub.getParentGroup().addLayers(come);
        sub.getParentGroup().removeLayers(gone);
      }
      const query = [["since", chosen.since], ["until", chosen.until]].filter(([, day]) => day !== null);
      if (cells) cells.within(query.map(([name, day]) => `&${name}=${text(day)}`).join(""));
      tell();
      map.fire("kkhtime");
    }

    const since = element("input", { type: "date", id: "kkh-since", min: text(first), max: text(today) });
    const until = element("input", { type: "range", id: "kkh-until", min: first, max: last, step, value: last, dir: "ltr" });
    const label = element("label", { for: "kkh-until" });
    const all = element("button", { type: "button" }, say("time.all"));
    const spans = element("select", { id: "kkh-span", "aria-label": say("time.since") }, element("option", { value: "" }, say("time.ever")),
      ...[7, 30, 90, 365].map((days) => element("option", { value: days }, say("time.days", { n: days }))), element("option", { value: "day" }, say("time.day")));

    function tell() {
      const end = chosen.until ?? today;
      until.value = chosen.until ?? last;
      since.value = chosen.since === null ? "" : text(chosen.since);
      const days = chosen.since === null ? "" : String(today - chosen.since);
      spans.value = [...spans.options].some((one) => one.value === days) ? days : "day";
      since.hidden = spans.value !== "day";
      all.hidden = chosen.since === null && chosen.until === null;
      box.toggleAttribute("data-chosen", !all.hidden); // what paper tells
      label.textContent = say("time.until", { day: text(end) });
      head.textContent = all.hidden ? say("time.title") : say("time.chosen", { a: text(chosen.since ?? first), b: text(end) });
      until.setAttribute("aria-valuetext", text(end));
    }

    const wait = (act, ms) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(act, ms); }; };
    const later = wait(() => choose({ ...chosen, until: Number(until.value) >= today ? null : Number(until.value) }), 120);
    until.addEventListener("input", () => { label.textContent = say("time.until", { day: text(Math.min(today, Number(until.value))) }); later(); });
    since.addEventListener("change", () => choose({ ...chosen, since: since.value ? count(since.value) : null }));
    spans.addEventListener("change", () => {
      if (spans.value === "day") { since.hidden = false; since.focus(); return; }
      choose({ ...chosen, since: spans.value ? today - Number(spans.value) : null });
    });
    all.addEventListener("click", () => { choose({}); spans.focus(); });

    const head = element("summary");
    const box = element("details", { class: "kkh-time", dir: config.dir }, head,
      element("div", {}, element("label", { for: "kkh-span" }, say("time.since")), spans, since), element("div", {}, label, until), all,
      ...(config.always ? [element("p", {}, config.always)] : []));
    const control = L.control({ position: "bottomleft" });
    control.onAdd = () => {
      L.DomEvent.disableClickPropagation(box);
      L.DomEvent.disableScrollPropagation(box);
      return box;
    };
    if (dated.length || cells) control.addTo(map);
    if (dated.some((one) => one.first)) choose({}); // of outlines those of the last year
    tell();

    const clear = () => { if (chosen.since !== null || chosen.until !== null) choose({}); };
    const reveal = (layer) => { // all times, or the year of an outline that later ones have replaced
      const one = dated.find((other) => other.layer === layer && other.first !== undefined);
      if (one && !standsIn(one, today)) choose({ until: Math.min(today, count(`${one.first}-12-31`)) }); else clear();
    };
    const told = () => ({ since: chosen.since === null ? null : text(chosen.since), until: chosen.until === null ? null : text(chosen.until) });
    const read = (day) => (/^\d{4}-\d\d-\d\d$/.test(day || "") && !Number.isNaN(count(day)) ? count(day) : null);
    return { reveal, told, restore: (given) => choose({ since: read(given.since), until: read(given.until) }) };
  }

  return { add };
})();
