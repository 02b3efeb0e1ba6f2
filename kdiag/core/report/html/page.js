(function () {
  // A field over the stacks leaves those that hold its words.
  for (const section of document.querySelectorAll(".threads")) {
    const field = section.querySelector("input");
    const stacks = Array.from(section.querySelectorAll("details"));
    field.addEventListener("input", () => {
      const words = field.value.toLowerCase();
      for (const stack of stacks) stack.hidden = !stack.textContent.toLowerCase().includes(words);
    });
  }
  // What is folded away does not print.
  window.addEventListener("beforeprint", () => {
    for (const stack of document.querySelectorAll("details")) stack.open = true;
  });
})();
