"use strict";
// Sorting: numbers from the largest on the first click, words from A; what has no number stays at the end.
for (const button of document.querySelectorAll("thead button")) {
  button.addEventListener("click", () => {
    const head = button.closest("th");
    const place = [...head.parentNode.children].indexOf(head);
    const body = head.closest("table").tBodies[0];
    const rows = [...body.rows];
    const isNumeric = rows.some((row) => row.cells[place].dataset.value !== undefined);
    const before = head.getAttribute("aria-sort");
    const first = isNumeric ? "descending" : "ascending";
    const second = isNumeric ? "ascending" : "descending";
    const now = before === first ? second : first;
    for (const other of head.parentNode.children) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", now);
    const sign = now === "ascending" ? 1 : -1;
    const key = (row) => {
      const cell = row.cells[place];
      return isNumeric ? parseFloat(cell.dataset.value) : cell.textContent.trim();
    };
    rows.sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if (!isNumeric) return sign * x.localeCompare(y);
      if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
      return sign * (x - y);
    });
    body.append(...rows);
  });
}

for (const slider of document.querySelectorAll(".compare input")) {
  slider.addEventListener("input", () => {
    slider.parentNode.style.setProperty("--at", slider.value + "%");
  });
}

for (const gallery of document.querySelectorAll(".gallery")) {
  const control = (name) => gallery.querySelector(`[name=${name}]`);
  const cases = gallery.querySelector(".cases");
  const show = () => {
    const [left, right, subject] = ["left", "right", "subject"].map((name) => control(name).value);
    const order = control("order").selectedOptions[0];
    const sign = (order.dataset.better === "higher" ? 1 : -1) * (control("first").value === "worst" ? 1 : -1);
    for (const one of cases.children) {
      const versions = JSON.parse(one.dataset.values);
      const value = (versions[subject] || {})[order.value];
      one.sortBy = value === undefined ? Infinity : sign * value;
      one.querySelector(".measure").textContent =
        value === undefined ? "no value" : value.toFixed(+order.dataset.decimals);
      one.querySelector(".measured").textContent = `${subject}, ${order.value}`;
      for (const image of one.querySelectorAll("img")) {
        const isLeft = image.dataset.version === left;
        image.hidden = !isLeft && image.dataset.version !== right;
        image.className = isLeft ? "left" : "right";
      }
      const has = (name) => Boolean(one.querySelector(`img[data-version="${CSS.escape(name)}"]`));
      one.querySelector(".side.l").textContent = has(left) ? left : `${left}: none`;
      one.querySelector(".side.r").textContent = has(right) ? right : `${right}: none`;
      one.querySelector("input").setAttribute("aria-label", `${one.dataset.name}: border of ${left} and ${right}`);
    }
    cases.append(...[...cases.children].sort((a, b) => (a.sortBy > b.sortBy) - (a.sortBy < b.sortBy)));
  };
  gallery.addEventListener("change", (event) => {
    if (event.target.name === "subject") control("right").value = event.target.value;
    if (event.target.matches("select")) show();
  });
  show();
}
