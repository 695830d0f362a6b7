// The page: what is asked for, what is shown, what is done.

import * as actions from "./actions.js";
import { change, read, Refused } from "./control.js";
import { find, h, say } from "./dom.js";
import { controlLine } from "./lines.js";
import * as views from "./views.js";

const PAUSE = 1000;
const LONG_PAUSE = 4000;
const ROWS = 100;
const SECTIONS = ["orders", "webhooks", "ledger", "faults"];

let facts = null;
let state = null;
let known = null;
let asked = "";
let lost = false;
let turn = 0;
let latest = null;
let rows = ROWS;
let timer = 0;
const done = [];

function route() {
  const [section, id] = location.hash.replace(/^#\//, "").split("/");
  return SECTIONS.includes(section) ? { section, id } : { section: "orders" };
}

const title = () => find(route().id && state?.order ? "order-title" : `${route().section}-title`);

/** Show what is so now; done when that is shown, though another call of this shows it. */
function refresh() {
  clearTimeout(timer);
  latest = show(++turn);
  return latest;
}

async function show(mine) {
  let pause = PAUSE;
  try {
    if (facts === null || lost) await loadFacts();
    const form = new FormData(find("choose"));
    const query = new URLSearchParams({ ...Object.fromEntries(form), rows, order: route().id ?? "" });
    if (find("committed").checked) query.set("committed", "1");
    const { value, etag } = await read(`console/state?${query}`);
    if (mine !== turn) return latest;
    connected(true);
    lost = false;
    if (etag !== known || query.get("order") !== asked) {
      [state, known, asked] = [value, etag, query.get("order")];
      render();
    }
  } catch (error) {
    if (mine !== turn) return latest;
    connected(false, error);
    lost = true;
    pause = LONG_PAUSE;
  }
  timer = setTimeout(() => (document.hidden ? undefined : refresh()), pause);
}

function connected(yes, error) {
  find("link").className = yes ? "" : "alarm";
  say("link", yes ? "Connected" : `${error.message} Trying again.`);
}

async function loadFacts() {
  const { value } = await read("console/facts");
  if (facts !== null) {
    // Another sandbox at the same address has another key: nothing shown here is true of it.
    if (JSON.stringify(value) !== JSON.stringify(facts)) location.reload();
    return;
  }
  say("base-url", value.base_url);
  say("api-key", value.api_key ?? "the one that it was started with");
  document.querySelector("[data-copy=api-key]").hidden = value.api_key === null;
  const option = (text) => h("option", null, text);
  find("choose").elements.status.append(...value.statuses.map(option));
  find("statuses").append(...value.statuses.map((name) => h("option", { value: name })));
  find("operations").append(...value.operations.map((name) => h("option", { value: name })));
  find("add-fault").elements.kind.append(...Object.keys(value.kinds).map(option));
  find("add-webhook-fault").elements.kind.append(...value.webhook_kinds.map(option));
  find("triggers").append(...value.triggers.map((name) =>
    h("label", null, h("input", { type: "checkbox", name: "trigger", value: name, checked: true }), name)));
  find("common").append(...actions.COMMON.map(([label, where, fault]) =>
    h("button", { type: "button", onclick: () => perform(actions.addFault(where, fault)) }, label)));
  facts = value;
  showPhases();
}

function showPhases() {
  const form = find("add-fault").elements;
  form.phase.replaceChildren(...facts.kinds[form.kind.value].map((phase) => h("option", null, phase)));
}

function render() {
  const { section, id } = route();
  for (const name of SECTIONS) find(name).hidden = name !== section;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#/${section}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (state === null) return;
  const total = Object.values(state.counts).reduce((sum, one) => sum + one, 0);
  say("count-orders", String(total));
  say("count-calls", String(state.called));
  say("count-requests", String(state.requests));
  say("ahead", state.ahead ? `${span(state.ahead)} ahead` : "as it goes");
  find("leak").hidden = !state.saw_key;
  views.orderRows(state, id);
  const shown = state.order !== null && state.order.id === id;
  find("order").hidden = !shown;
  find("orders").classList.toggle("one", shown);
  if (shown) views.order(facts, state.order);
  find("gone").hidden = shown || !id || asked !== id;
  statuses();
  const registered = state.webhook_urls.length > 0;
  say("registered", registered
    ? `${state.webhook_urls.join(", ")} for ${state.webhook_triggers.join(", ") || "no trigger"}.`
    : "no URL, so nobody is called.");
  find("no-calls").hidden = views.calls("calls", state.calls) > 0;
  find("no-entries").hidden = views.entries("entries", facts, state.ledger) > 0;
  newest("more-calls", state.calls.length, state.called);
  newest("more-entries", state.ledger.length, state.asked);
  views.faults(state, (where, number) => perform(actions.removeFault(actions.PLACES[where], number)));
  document.title = `${title().textContent} - CubiCasa sandbox`;
}

function newest(id, shown, all) {
  find(id).hidden = shown === all;
  say(id, `The newest ${shown} of ${all}.`);
}

/** The statuses to choose from: those that are known, and others that orders have. */
function statuses() {
  const select = find("choose").elements.status;
  const offered = new Set([...select.options].map((option) => option.value));
  const others = Object.keys(state.counts).filter((name) => !offered.has(name));
  select.append(...others.map((name) => h("option", null, name)));
}

function span(seconds) {
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor((seconds % 86400) / 3600)];
  const parts = [[days, "d"], [hours, "h"], [Math.round((seconds % 3600) / 60), "min"]];
  return parts.filter(([count]) => count).map(([count, unit]) => `${count} ${unit}`).join(" ") || `${seconds} s`;
}

/** What was pressed may be gone or off by now: the keyboard goes on beside it. */
function goOnFrom(pressed) {
  if (document.activeElement !== document.body || pressed === document.body) return;
  const near = pressed.closest(".panel")?.querySelector("button:enabled");
  (near ?? title()).focus();
}

async function perform(action) {
  const pressed = document.activeElement;
  find("failed").hidden = true;
  try {
    const value = await change(action);
    const line = { title: action.title, curl: controlLine(facts, action), python: action.python };
    done.unshift({ ...line, number: done.length + 1 });
    find("done-panel").hidden = false;
    views.done(facts, done.slice(0, 20));
    say("said", "");
    say("said", action.title);
    await refresh();
    goOnFrom(pressed);
    return value;
  } catch (error) {
    find("failed").hidden = false;
    say("failed", error instanceof Refused ? error.message : `${error.message} Nothing is known of what you did.`);
    return null;
  }
}

async function copy(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    say("said", "");
    say("said", "Copied.");
  } catch {
    const shown = h("pre", { tabindex: 0 }, text);
    button.after(shown);
    getSelection().selectAllChildren(shown);
    say("said", "The browser does not let the page copy. The text is selected: copy it yourself.");
  }
}

function given(form) {
  const numbers = ["times", "skip", "seconds", "status"];
  return Object.fromEntries([...new FormData(form)]
    .filter(([name, value]) => value.trim() && name !== "where")
    .map(([name, value]) => [name, numbers.includes(name) ? Number(value) : value.trim()]));
}

function onSubmit(id, act) {
  find(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    await act(event.target);
  });
}

function onClick(id, act) {
  find(id).addEventListener("click", () => perform(act()));
}

function choose() {
  rows = ROWS;
  return refresh();
}

onSubmit("choose", choose);
find("choose").addEventListener("input", choose);
find("more").addEventListener("click", () => {
  rows += ROWS;
  return refresh();
});
onSubmit("new-order", async (form) => {
  const made = await perform(actions.addOrder(given(form)));
  if (made) {
    form.reset();
    location.hash = `#/orders/${made.id}`;
  }
});
onClick("examples", () => actions.addExamples(4));
onClick("scan", () => actions.advance(state.order.id, "Pending"));
onClick("ready", () => actions.advance(state.order.id, "Ready", find("product").value));
onClick("edit", () => actions.quickEdit(state.order.id, find("product").value));
onSubmit("give", async (form) => {
  if (await perform(actions.setStatus(state.order.id, form.elements.status.value.trim()))) form.reset();
});
onSubmit("change", async (form) => {
  const { product, text } = form.elements;
  if (await perform(actions.requestChange(state.order.id, product.value, text.value))) text.value = "";
});
onSubmit("register", (form) => {
  const urls = form.elements.urls.value.split("\n").map((line) => line.trim()).filter(Boolean);
  return perform(actions.register(urls, new FormData(form).getAll("trigger")));
});
onSubmit("add-fault", (form) => perform(actions.addFault(form.elements.where.value, given(form))));
onSubmit("add-webhook-fault", (form) => perform(actions.addFault("webhooks/faults", given(form))));
find("registering").addEventListener("toggle", () => {
  if (!find("registering").open || state === null) return;
  const { urls, trigger } = find("register").elements;
  urls.value = state.webhook_urls.join("\n");
  if (urls.value) for (const one of trigger) one.checked = state.webhook_triggers.includes(one.value);
});
find("add-fault").elements.kind.addEventListener("change", showPhases);
find("clear").addEventListener("click", async () => {
  for (const [name, where] of Object.entries(actions.PLACES)) {
    if (state.faults[name].length) await perform(actions.clearFaults(where));
  }
});
find("committed").addEventListener("change", refresh);
for (const button of document.querySelectorAll("[data-seconds]")) {
  button.addEventListener("click", () => perform(actions.passTime(Number(button.dataset.seconds))));
}
document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy], [data-text]");
  if (button) copy(button.dataset.text ?? find(button.dataset.copy).textContent, button);
});
find("reset").addEventListener("click", () => find("sure").showModal());
find("sure").addEventListener("close", () => {
  if (find("sure").returnValue === "yes") perform(actions.reset());
  find("sure").returnValue = "";
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  find("main").focus();
});
addEventListener("hashchange", async () => {
  render();
  const moved = refresh();
  if (route().id) await moved;
  title().focus();
});
// What has the focus is never behind the footer.
new ResizeObserver(([{ target }]) => {
  document.documentElement.style.scrollPaddingBottom = `${target.offsetHeight + 8}px`;
}).observe(document.querySelector("footer"));
document.addEventListener("visibilitychange", () => document.hidden || refresh());
if (matchMedia("(max-width: 40rem)").matches) find("connection").open = false;
render();
refresh();
