// Pictures that are looked at as one: wheel, dragging, two fingers, buttons and keys zoom and move all alike.
//
// `root` holds elements .frame with an img each that fills its frame, and may hold buttons with data-zoom="in",
// "out" and "fit" and an output. `keys` is where + - 0 and the arrow keys are listened to.
function zoomTogether(root, keys = root) {
  const LARGEST = 16;
  const STEP = 0.1;  // of a frame, that an arrow key moves
  const fingers = new Map();  // or the mouse: pointer -> where it was last
  let scale = 1, x = 0, y = 0;  // x, y: where the left and upper edge lie, in shares of a frame

  const frameOf = (event) => event.target.closest?.(".frame");
  const within = (value) => Math.min(0, Math.max(1 - scale, value));

  function draw() {
    x = within(x);
    y = within(y);
    for (const image of root.querySelectorAll(".frame img")) {
      image.style.transform = `translate(${100 * x}%, ${100 * y}%) scale(${scale})`;
      image.style.imageRendering = scale >= 4 ? "pixelated" : "auto";
      image.parentElement.style.touchAction = scale > 1 ? "none" : "pan-y";
    }
    const output = root.querySelector("output");
    if (output) output.textContent = `${scale.toFixed(scale % 1 ? 1 : 0)}×`;
  }

  // Zooms so that what lies at a place (shares of a frame) stays there. Says whether anything changed.
  function zoom(factor, place = [0.5, 0.5]) {
    const before = scale;
    scale = Math.min(LARGEST, Math.max(1, scale * factor));
    x = place[0] - (place[0] - x) * scale / before;
    y = place[1] - (place[1] - y) * scale / before;
    draw();
    return scale !== before;
  }

  function move(dx, dy) {
    x += dx;
    y += dy;
    draw();
  }

  function place(frame, events) {
    const box = frame.getBoundingClientRect();
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
    return [
      (mean(events.map((one) => one.clientX)) - box.left) / box.width,
      (mean(events.map((one) => one.clientY)) - box.top) / box.height,
    ];
  }

  // Distance of two fingers in pixels; 0 for one.
  function spread() {
    const [one, other] = fingers.values();
    return other ? Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) : 0;
  }

  root.addEventListener("wheel", (event) => {
    const frame = frameOf(event);
    // the page scrolls on where the wheel has nothing to zoom
    if (frame && zoom(event.deltaY < 0 ? 1.25 : 0.8, place(frame, [event]))) event.preventDefault();
  }, { passive: false });
  root.addEventListener("pointerdown", (event) => {
    const frame = frameOf(event);
    if (!frame) return;
    fingers.set(event.pointerId, event);
    frame.setPointerCapture(event.pointerId);
  });
  root.addEventListener("pointermove", (event) => {
    const frame = frameOf(event), last = fingers.get(event.pointerId);
    if (!frame || !last) return;
    const before = spread(), box = frame.getBoundingClientRect(), share = 1 / fingers.size;
    fingers.set(event.pointerId, event);
    if (before > 0) zoom(spread() / before, place(frame, [...fingers.values()]));
    move(share * (event.clientX - last.clientX) / box.width, share * (event.clientY - last.clientY) / box.height);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    root.addEventListener(end, (event) => fingers.delete(event.pointerId));
  }
  root.addEventListener("click", (event) => {
    const button = event.target.closest?.("[data-zoom]");
    if (button) zoom({ in: 2, out: 0.5, fit: 0 }[button.dataset.zoom]);
  });
  keys.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("textarea, select, input:not([type=radio], [type=checkbox])")) return;
    const arrows = { ArrowLeft: [STEP, 0], ArrowRight: [-STEP, 0], ArrowUp: [0, STEP], ArrowDown: [0, -STEP] };
    if (event.key === "+" || event.key === "=") zoom(2);
    else if (event.key === "-") zoom(0.5);
    else if (event.key === "0") zoom(0);
    else if (event.key in arrows && frameOf(event) && scale > 1) {
      event.preventDefault();
      move(...arrows[event.key]);
    }
  });
  draw();
  return { reset: () => zoom(0) };
}
