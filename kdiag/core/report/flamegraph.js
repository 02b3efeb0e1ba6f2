"use strict";
(function () {
  const picture = document.querySelector(".flamegraph");
  const boxes = Array.from(picture.querySelectorAll(".box"));
  const found = picture.querySelector(".found");
  const number = (box, name) => Number(box.dataset[name]);
  const share = (part, whole) => (whole ? (100 * part) / whole : 100);

  // Show one box at full width: what lies below it grows with it, what it lies in becomes a frame around it.
  function zoom(focus) {
    const start = number(focus, "start");
    const count = number(focus, "count");
    const depth = number(focus, "depth");
    for (const box of boxes) {
      const left = number(box, "start");
      const right = left + number(box, "count");
      const around = number(box, "depth") < depth && left <= start && right >= start + count;
      const inside = number(box, "depth") >= depth && left >= start && right <= start + count;
      box.classList.toggle("around", around);
      box.classList.toggle("away", !around && !inside);
      box.setAttribute("x", (around ? 0 : share(left - start, count)) + "%");
      box.setAttribute("width", (around ? 100 : share(right - left, count)) + "%");
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
      const end = number(box, "start") + number(box, "count");
      counted += Math.max(0, end - Math.max(reached, number(box, "start")));
      reached = Math.max(reached, end);
    }
    const whole = Number(picture.dataset.total);
    found.textContent = words && hits + " found, " + share(counted, whole).toFixed(1) + " % of the time";
  }

  function ask() {
    const words = window.prompt("Find functions by a part of their name:", "");
    if (words !== null) search(words);
  }

  for (const box of boxes) box.addEventListener("click", () => zoom(box));
  picture.querySelector(".search").addEventListener("click", ask);
  window.addEventListener("keydown", (event) => {
    if (event.key === "/") {
      event.preventDefault();
      ask();
    }
    if (event.key === "Escape") {
      search("");
      zoom(boxes[0]);
    }
  });
})();
