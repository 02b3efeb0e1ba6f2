"use strict";
// Every flame graph of the page: a click or Enter zooms, the arrows walk, Escape shows all. In a page the search has a
// field of its own in the figure around the graph; a picture alone asks for the words.
(function () {
  const number = (box, name) => Number(box.dataset[name]);
  const end = (box) => number(box, "start") + number(box, "count");
  const share = (part, whole) => (whole ? (100 * part) / whole : 100);

  function live(picture) {
    const boxes = Array.from(picture.querySelectorAll(".box"));
    const figure = picture.closest("figure");
    const field = figure && figure.querySelector("input");
    const found = figure ? figure.querySelector("output") : picture.querySelector(".found");

    // Show one box at full width: what lies below it grows with it, what it lies in becomes a frame around it.
    function zoom(focus) {
      const start = number(focus, "start");
      const count = number(focus, "count");
      const depth = number(focus, "depth");
      for (const box of boxes) {
        const around = number(box, "depth") < depth && number(box, "start") <= start && end(box) >= start + count;
        const inside = number(box, "depth") >= depth && number(box, "start") >= start && end(box) <= start + count;
        box.classList.toggle("around", around);
        box.classList.toggle("away", !around && !inside);
        box.setAttribute("x", (around ? 0 : share(number(box, "start") - start, count)) + "%");
        box.setAttribute("width", (around ? 100 : share(number(box, "count"), count)) + "%");
      }
    }

    // Mark the boxes whose name holds the words, and say how much of the time lies in or below them.
    function search(words) {
      let hits = 0;
      let counted = 0;
      let reached = 0;
      const inOrder = boxes.slice().sort((a, b) => number(a, "start") - number(b, "start") || number(a, "depth") - number(b, "depth"));
      for (const box of inOrder) {
        const hit = words !== "" && box.dataset.name.toLowerCase().includes(words.toLowerCase());
        box.classList.toggle("hit", hit);
        if (!hit) continue;
        hits += 1;
        counted += Math.max(0, end(box) - Math.max(reached, number(box, "start")));
        reached = Math.max(reached, end(box));
      }
      const whole = Number(picture.dataset.total);
      found.textContent = words && hits + " found, " + share(counted, whole).toFixed(1) + " % of the time";
    }

    function ask() {
      const words = window.prompt("Find functions by a part of their name:", "");
      if (words !== null) search(words);
    }

    function reset() {
      if (field) field.value = "";
      search("");
      zoom(boxes[0]);
    }

    // The box that an arrow leads to: the one around, the widest below, or a neighbour in the row.
    function next(from, key) {
      const depth = number(from, "depth");
      const shown = boxes.filter((box) => !box.classList.contains("away"));
      const row = (at) => shown.filter((box) => number(box, "depth") === at).sort((a, b) => number(a, "start") - number(b, "start"));
      if (key === "ArrowUp") return row(depth - 1).find((box) => number(box, "start") <= number(from, "start") && end(box) >= end(from));
      if (key === "ArrowDown") {
        const below = row(depth + 1).filter((box) => number(box, "start") >= number(from, "start") && end(box) <= end(from));
        return below.sort((a, b) => number(b, "count") - number(a, "count"))[0];
      }
      const beside = row(depth);
      return beside[beside.indexOf(from) + (key === "ArrowLeft" ? -1 : 1)];
    }

    picture.addEventListener("keydown", (event) => {
      const box = event.target.closest(".box");
      if (!box) return;
      if (event.key === "Enter" || event.key === " ") zoom(box);
      else if (event.key.startsWith("Arrow")) (next(box, event.key) || box).focus();
      else return;
      event.preventDefault();
    });
    for (const box of boxes) box.addEventListener("click", () => zoom(box));
    if (field) field.addEventListener("input", () => search(field.value));
    else picture.querySelector(".search").addEventListener("click", ask);
    return { figure, field, ask, reset };
  }

  const pictures = Array.from(document.querySelectorAll(".flamegraph"), live);
  window.addEventListener("keydown", (event) => {
    if (event.target.closest && event.target.closest("input") && event.key !== "Escape") return;
    if (event.key === "/" && pictures.length) {
      event.preventDefault();
      if (pictures[0].field) pictures[0].field.focus();
      else pictures[0].ask();
    }
    if (event.key === "Escape") for (const picture of pictures) picture.reset();
  });
})();
