/* A bar across two pictures of one place, by mouse, finger or keys; without this script they stand side by side. */
"use strict";
document.documentElement.classList.add("scripted"); // the pictures lie over each other before they are drawn: nothing moves afterwards
const kkhSwipe = (figure) => {
  const bar = figure.querySelector("input"), line = figure.querySelector(".swipe-line"), sides = figure.querySelector(".swipe-sides");
  const move = () => {
    figure.style.setProperty("--share", `${bar.value}%`);
    bar.setAttribute("aria-valuetext", `${bar.value} %`);
  };
  line.addEventListener("pointerdown", (event) => {
    event.preventDefault();
    line.setPointerCapture(event.pointerId);
  });
  line.addEventListener("pointermove", (event) => {
    if (!line.hasPointerCapture(event.pointerId)) return;
    const box = sides.getBoundingClientRect(), share = (event.clientX - box.left) / box.width;
    bar.value = 100 * (getComputedStyle(sides).direction === "rtl" ? 1 - share : share);
    move();
  });
  bar.addEventListener("input", move);
  bar.closest("label").hidden = false;
  line.hidden = false;
  figure.classList.add("over"); // last: it tells that the bar can be moved
  move();
};
const kkhSwipes = () => document.querySelectorAll("[data-swipe]").forEach(kkhSwipe);
if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", kkhSwipes); else kkhSwipes();
