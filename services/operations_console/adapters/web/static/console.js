// Live by server-sent events: what changed is fetched from the server as it renders it, nothing is rendered here.
"use strict";
const live = document.getElementById("live");
const address = document.body.dataset.events;
const wanted = new Set();
let timer = null;
let everything = false;

function openDetails(target) {
  const found = target && document.getElementById(target);
  if (found instanceof HTMLDetailsElement) found.open = true;
}

function filterRows() {
  const field = document.getElementById("filter");
  if (!field) return;
  const text = field.value.toLowerCase();
  for (const row of document.querySelectorAll("#fleet tbody tr")) {
    row.hidden = !row.id.slice(2).toLowerCase().includes(text);
  }
}

function isTyping() {
  const active = document.activeElement;
  return active instanceof HTMLInputElement && active.id !== "filter" && active.value !== "";
}

async function read(path) {
  const answer = await fetch(path, { headers: { "X-Requested-With": "console" } });
  if (answer.redirected && new URL(answer.url).pathname === "/login") { location.assign("/login?to=" + encodeURIComponent(location.pathname)); throw new Error("logged out"); }
  if (!answer.ok) throw new Error(String(answer.status));
  return new DOMParser().parseFromString(await answer.text(), "text/html");
}

async function refreshRows(names) {
  const fresh = await read("/rows?" + names.map((name) => "model=" + encodeURIComponent(name)).join("&"));
  for (const row of fresh.querySelectorAll("tr")) {
    const known = document.getElementById(row.id);
    if (!known) { everything = true; continue; }
    row.classList.add("told");
    row.hidden = known.hidden;
    known.replaceWith(document.adoptNode(row));
  }
}

// A form of the fresh page is the same one if it asks the same: the command and the version are in its hidden fields.
function formOf(field) {
  const hidden = (name) => (field.form.elements.namedItem(name) || { value: "" }).value;
  return [field.form.getAttribute("action"), hidden("command"), hidden("version")].join(" ");
}

function fieldsOf(content) {
  const found = new Map();
  for (const form of content.querySelectorAll("form")) {
    for (const [place, field] of [...form.elements].entries()) found.set(formOf(field) + " " + place, field);
  }
  return found;
}

// What a person typed, and where they are, stays across a change of the page.
function keepPlace(content) {
  const focused = document.activeElement;
  const id = content.contains(focused) ? focused.id : "";
  const typed = [];
  let at = null;
  for (const [name, field] of fieldsOf(content)) {
    if (field === focused) at = name;
    if (field instanceof HTMLInputElement && field.type !== "hidden" && field.value !== field.defaultValue) typed.push([name, field.value]);
  }
  return () => {
    const fields = fieldsOf(content);
    for (const [name, value] of typed) if (fields.has(name)) fields.get(name).value = value;
    const again = fields.get(at) || (id && document.getElementById(id));
    if (again) again.focus({ preventScroll: true });
  };
}

async function refreshAll() {
  const fresh = await read(location.pathname + location.search);
  if (isTyping()) { everything = true; schedule(1000); return; }
  const content = document.getElementById("content");
  const opened = [...content.querySelectorAll("details[open]")].map((one) => one.id);
  const typed = document.getElementById("filter") && document.getElementById("filter").value;
  const restore = keepPlace(content);
  content.replaceChildren(...[...fresh.getElementById("content").childNodes].map((node) => document.adoptNode(node)));
  opened.forEach(openDetails);
  if (typed) { document.getElementById("filter").value = typed; filterRows(); }
  restore();
  bind();
}

async function refresh() {
  timer = null;
  if (isTyping()) { schedule(1000); return; }
  const names = [...wanted];
  wanted.clear();
  try {
    const rowsOnly = document.getElementById("fleet") && !everything && names.length <= 40;
    if (rowsOnly) await refreshRows(names);
    if (!rowsOnly || everything) { everything = false; await refreshAll(); }
  } catch (error) {
    live.textContent = "The console does not answer; what you see may be old.";
    everything = true;
  }
}

function schedule(delay) {
  if (timer === null) timer = setTimeout(refresh, delay);
}

function bind() {
  const field = document.getElementById("filter");
  if (field) field.addEventListener("input", filterRows);
}

function listen() {
  const source = new EventSource(address);
  source.addEventListener("hello", () => { live.textContent = "Live"; });
  source.addEventListener("reset", () => { live.textContent = "Live"; everything = true; schedule(50); });
  source.addEventListener("change", (event) => {
    live.textContent = "Live";
    const change = JSON.parse(event.data);
    if (change.model_id) wanted.add(change.model_id); else everything = true;
    schedule(document.getElementById("fleet") ? 250 : 400);
  });
  source.addEventListener("error", () => { live.textContent = "Not connected; trying again. What you see may be old."; });
  addEventListener("pagehide", () => source.close());
}

bind();
openDetails(location.hash.slice(1));
addEventListener("hashchange", () => openDetails(location.hash.slice(1)));
if (address) listen();
