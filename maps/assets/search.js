/* Finds kilometres, stretches, coordinates, places in three scripts, and records by their code. */
"use strict";
const kkhSearch = (() => {
  const NUMBER = "(-?\\d+(?:\\.\\d+)?)";
  const KM = new RegExp(`^(?:km|公里|کلومیٹر)?\\s*(\\d+(?:\\.\\d+)?)(?:\\s*\\+\\s*(\\d{1,3}))?\\s*(?:km|公里|کلومیٹر)?$`, "i");
  const STRETCH = new RegExp(`^(?:km|公里|کلومیٹر)?\\s*(\\d+(?:\\.\\d+)?)\\s*[-–—]\\s*(\\d+(?:\\.\\d+)?)\\s*(?:km|公里|کلومیٹر)?$`, "i");
  const POINT = new RegExp(`^${NUMBER}\\s*°?\\s*N?(?:\\s*,\\s*|\\s+)${NUMBER}\\s*°?\\s*E?$`, "i");
  const CODE = /^[a-z]{2,5}-[a-z]{2,3}-\d+$/i;
  const NUMBERED = [["changes", /^(?:change|变化|تبدیلی)\s*#?\s*(\d+)$/i], ["alerts", /^(?:alert|预警|انتباہ)\s*#?\s*(\d+)$/i],
    ["events", /^(?:event|事件|واقعہ)\s*#?\s*(\d+)$/i], ["deformation", /^(?:ground motion|形变区|زمین کی حرکت)\s*#?\s*(\d+)$/i]];
  const ASKED = ["sites", "events", "changes"]; // kinds of which the application tells a single record
  const LETTERS = { "ي": "ی", "ى": "ی", "ئ": "ی", "ك": "ک", "ه": "ہ", "ة": "ہ", "ۃ": "ہ", "أ": "ا", "آ": "ا", "إ": "ا", "ؤ": "و" };

  const digits = (text) => text.replace(/[٠-٩]/g, (d) => "٠١٢٣٤٥٦٧٨٩".indexOf(d)).replace(/[۰-۹]/g, (d) => "۰۱۲۳۴۵۶۷۸۹".indexOf(d))
    .replace(/[０-９]/g, (d) => "０１２３４５６７８９".indexOf(d)).replace(/[،，;；]/g, ",").trim();
  const folded = (text) => text.normalize("NFKC").replace(/[يىئكهةۃأآإؤ]/g, (sign) => LETTERS[sign]).normalize("NFD")
    .replace(/[\p{M}\s]/gu, "").toLocaleLowerCase();

  function add({ map, config, say, element, road, features, nearest, atKm, rounded, popup, opened, show, time, squeeze }) {
    let pin = null;

    const outside = () => road.length
      ? say("search.no_km", { a: rounded(road[0].first, 1), b: rounded(road[road.length - 1].last, 1) }) : say("search.not_understood");

    function toKm(km) {
      const at = atKm(km);
      return at ? say("search.found_km", { km: rounded(km, 3), lat: at.lat.toFixed(5), lon: at.lng.toFixed(5) }) : outside();
    }

    function toStretch(first, last) {
      const inside = road.filter((one) => one.last > Math.min(first, last) && one.first < Math.max(first, last));
      if (!inside.length) return outside();
      map.fitBounds(L.latLngBounds(inside.flatMap((one) => one.points.map(([x, y]) => [y, x / squeeze()]))), { padding: [30, 30], animate: false });
      return say("value.stretch", { a: first, b: last });
    }

    function toPoint(lat, lon) {
      if (Math.abs(lat) > 60 && Math.abs(lon) < 60) return say("search.swapped");
      if (Math.abs(lat) > 85 || Math.abs(lon) > 180) return say("search.not_understood");
      if (pin) pin.remove();
      pin = L.circleMarker([lat, lon], { radius: 11, color: "#000", weight: 3, fillOpacity: 0, interactive: false, pane: "dots" }).addTo(map);
      map.setView([lat, lon], Math.max(map.getZoom(), 13), { animate: false });
      const near = road.length ? nearest(L.latLng(lat, lon)) : null;
      if (!near) return `${lat.toFixed(5)}, ${lon.toFixed(5)}`;
      const offset = near.metres < 10000 ? say("value.metres", { m: rounded(near.metres, 0) }) : say("value.km", { km: rounded(near.metres / 1000, 0) });
      return say(near.metres <= 50000 ? "search.found_point" : "search.found_far",
        { lat: lat.toFixed(5), lon: lon.toFixed(5), km: near.km.toFixed(1), offset });
    }

    async function toRecord(kind, key) {
      const id = Object.keys(features).find((one) => one.toLowerCase() === `${kind}:${key}`.toLowerCase());
      if (id) {
        time.reveal(features[id].layer);
        show(id);
        return features[id].feature.properties.t;
      }
      const answer = config.pack || !ASKED.includes(kind) ? null : await fetch(`/maps/records/${kind}/${encodeURIComponent(kind === "sites" ? key.toUpperCase() : key)}`);
      if (!answer || !answer.ok) return say("search.no_record", { code: key });
      const found = await answer.json(), place = L.geoJSON(found).getBounds().getCenter();
      map.setView(place, Math.max(map.getZoom(), 13), { animate: false });
      opened(place, popup(found, kind), found.id);
      return found.properties.t;
    }

    function toPlace(asked) {
      const wanted = folded(asked);
      const test = [(name) => name === wanted, (name) => name.startsWith(wanted), (name) => name.includes(wanted)];
      for (const fits of wanted ? test : []) { // the whole name goes before its beginning; places of the road before others
        const place = config.places.find(([, names]) => names.some((one) => fits(folded(one))));
        if (place) return toKm(place[2]);
        const spot = config.spots.find(([, names]) => names.some((one) => fits(folded(one))));
        if (spot) return `${spot[0]}: ${toPoint(spot[3], spot[2])}`;
      }
      return say(wanted ? "search.no_place" : "search.not_understood");
    }

    function search(asked) {
      const text = digits(asked);
      let found;
      if ((found = text.match(STRETCH))) return toStretch(Number(found[1]), Number(found[2]));
      if ((found = text.match(KM))) return toKm(Number(found[1]) + Number(found[2] || 0) / 1000);
      if ((found = text.match(POINT))) return toPoint(Number(found[1]), Number(found[2]));
      if (CODE.test(text)) return toRecord("sites", text);
      for (const [kind, form] of NUMBERED) if ((found = text.match(form))) return toRecord(kind, found[1]);
      return toPlace(text);
    }

    const form = document.getElementById("kkh-search"), answer = document.getElementById("kkh-answer");
    const list = document.getElementById("kkh-places");
    for (const [own] of [...config.places, ...config.spots.slice(0, 100)]) list.append(element("option", { value: own }));
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      try {
        answer.textContent = await search(form.elements.find.value);
      } catch { // no network
        answer.textContent = say("cells.failed");
      }
    });
  }

  return { add };
})();
