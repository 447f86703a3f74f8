// One pair after the other. Sides alone are known here: which picture is which, the server knows.
"use strict";

const base = document.body.dataset.base;
const RETRY_MS = 2000;
const $ = (id) => document.getElementById(id);
const images = [$("left"), $("right")];
let step = null;      // what the server asks
let since = 0;        // when both pictures could be seen, in ms
const pictures = zoomTogether($("pair"), document);

async function load(rested = false) {
  say("");
  const answer = await insist(() => fetch(`${base}/next${rested ? "?rested=1" : ""}`));
  step = await answer.json();
  $("progress").max = Math.max(step.most, 1);
  $("progress").value = step.done;
  $("count").textContent = `${step.done} of at most ${step.most}`;
  $("stage").textContent = { training: "Practice round", review: "Review", vote: "" }[step.kind] ?? "";
  if (step.kind === "break") {
    notice("Time for a rest", "Look out of the window for a minute. Everything you said is kept.", () => load(true));
  } else if (step.kind === "done") {
    notice("Thank you", "There is nothing left to ask. You can close this page.", null);
  } else {
    await show();
  }
}

async function show() {
  $("notice").hidden = true;
  $("pair").hidden = false;
  pictures.reset();
  questions();
  enable();
  const seen = images.map((image) => new Promise((done, failed) => {
    image.onload = done;
    image.onerror = failed;
    image.src = `${base}/picture/${step.showing}/${image.id}`;
  }));
  try {
    await Promise.all(seen);
  } catch {
    say("A picture did not arrive; trying again.");
    return setTimeout(show, RETRY_MS);
  }
  since = performance.now();
  say("");
  enable();
}

function questions() {
  $("questions").replaceChildren(...step.questions.map(({ name, text }, place) => group(text,
    [["left", "Left"], ["none", "No preference"], ["right", "Right"]].map(([value, label]) =>
      option("radio", `question-${place}`, value, label, "choice")))));
  $("flags").replaceChildren(...step.flags.map(({ name, text }, place) => group(`${name} (${text})`,
    [["left", "Left picture"], ["right", "Right picture"]].map(([value, label]) =>
      option("checkbox", `flag-${place}`, value, label, "")))));
  $("next").hidden = isOneChoice();
}

function group(text, options) {
  const found = document.createElement("fieldset");
  const legend = document.createElement("legend");
  legend.textContent = text;
  found.append(legend, ...options);
  return found;
}

function option(type, name, value, text, kind) {
  const label = document.createElement("label");
  const input = document.createElement("input");
  const span = document.createElement("span");
  Object.assign(input, { type, name, value });
  span.textContent = text;
  label.className = kind;
  label.append(input, span);
  return label;
}

const isOneChoice = () => step.questions.length === 1 && step.flags.length === 0;
const chosen = (name) => [...document.querySelectorAll(`input[name="${name}"]:checked`)].map((one) => one.value);
const isComplete = () => step.questions.every((_, place) => chosen(`question-${place}`).length);

function enable() {
  const ready = since > 0;
  for (const input of document.querySelectorAll("#ballot input")) input.disabled = !ready;
  $("next").disabled = !(ready && isComplete());
}

async function send() {
  if (!since || !isComplete()) return;
  const ballot = {
    showing: step.showing,
    choices: Object.fromEntries(step.questions.map(({ name }, place) => [name, chosen(`question-${place}`)[0]])),
    flags: Object.fromEntries(step.flags.map(({ name }, place) => [name, chosen(`flag-${place}`)])),
    seconds: (performance.now() - since) / 1000,
  };
  since = 0;
  enable();
  // The same ballot may be sent twice; it is stored once.
  const answer = await insist(() => fetch(`${base}/answer`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(ballot),
  }));
  const { right, why } = await answer.json();
  if (right === null) return load();
  notice(right ? "Yes, most people see it so" : "Most people see it differently", why, () => load());
}

function notice(title, text, goOn) {
  $("pair").hidden = true;
  $("notice").hidden = false;
  $("notice-title").textContent = title;
  $("notice-text").textContent = text;
  $("go-on").hidden = goOn === null;
  $("go-on").onclick = goOn;
  $("notice-title").focus();
}

// Asks until the server answers; a refusal with a reason is shown and the page starts anew from what is stored.
async function insist(ask) {
  for (;;) {
    let trouble = "The server cannot be reached; your last answer is sent again in a moment.";
    try {
      const answer = await ask();
      if (answer.ok) return answer;
      if (answer.status === 507) trouble = (await answer.json()).error; // the disk is full
      else if (answer.status < 500 && answer.status !== 429) {
        say((await answer.json()).error);
        await pause();
        location.reload();
        await new Promise(() => {});
      }
    } catch { /* no connection */ }
    say(trouble);
    await pause();
  }
}

const pause = () => new Promise((done) => setTimeout(done, RETRY_MS));
const say = (text) => { $("status").textContent = text; };

$("ballot").addEventListener("submit", (event) => { event.preventDefault(); send(); });
// A radio that is moved through by arrow keys must not vote: a click or the keys 1, 2, 3 do.
$("questions").addEventListener("click", (event) => {
  enable();
  if (event.target.matches("input") && event.detail > 0 && isOneChoice()) send();
});
$("ballot").addEventListener("change", () => { $("next").hidden = false; enable(); });
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || $("pair").hidden) return;
  if ("123".includes(event.key) && since) {
    const first = document.querySelectorAll('input[name="question-0"]')[Number(event.key) - 1];
    first.checked = true;
    enable();
    if (isOneChoice()) send();
  }
});
load();
