// Elements, and lists that keep what has not changed: focus and what is unfolded stay.

export function h(name, properties, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(properties ?? {})) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.flat().filter((child) => child != null && child !== false));
  return node;
}

export const find = (id) => document.getElementById(id);

export function say(id, text) {
  const node = find(id);
  if (node.textContent !== text) node.textContent = text;
}

const reachable = (node) => [...node.querySelectorAll("a, button, summary")];

/** Show items in a list; `render` makes the content of an <li>, for an item that is new or other. */
export function list(id, items, key, render) {
  const place = find(id);
  const former = new Map([...place.children].map((node) => [node.dataset.key, node]));
  const focused = document.activeElement;
  let refocus = null;
  const wanted = items.map((item) => {
    const name = String(key(item));
    const content = JSON.stringify(item);
    const old = former.get(name);
    if (old?.content === content) return old;
    const node = h("li", { "data-key": name }, render(item));
    node.content = content;
    if (old) {
      const open = [...old.querySelectorAll("details")].map((one) => one.open);
      node.querySelectorAll("details").forEach((one, at) => (one.open = open[at] ?? false));
      if (old.contains(focused)) refocus = reachable(node)[reachable(old).indexOf(focused)];
    }
    return node;
  });
  const kept = new Set(wanted);
  [...place.children].forEach((node, at) => {
    if (kept.has(node)) return;
    const next = wanted[Math.min(at, wanted.length - 1)];
    if (node.contains(focused) && refocus === null && next) refocus = reachable(next).at(-1);
    node.remove();
  });
  wanted.forEach((node, at) => {
    if (place.children[at] !== node) place.insertBefore(node, place.children[at] ?? null);
  });
  refocus?.focus();
  return items.length;
}

export function when(seconds) {
  const moment = new Date(seconds * 1000);
  if (Number.isNaN(moment.getTime())) return h("span", { class: "when" }, `at ${seconds} s`);
  const today = moment.toDateString() === new Date().toDateString();
  return h(
    "time",
    { datetime: moment.toISOString(), title: moment.toISOString(), class: "when" },
    today ? moment.toLocaleTimeString() : moment.toLocaleString(),
  );
}

/** A mark in the colour of its kind; a status that is not known has no colour of its own. */
export const chip = (text, kind) => h("span", { class: `chip ${kind ?? ""}`, title: text }, text);

const COLOURED = ["New", "Draft", "Pending", "Ready", "Fixing"];

export const status = (name) => chip(name || "no status", COLOURED.includes(name) ? name.toLowerCase() : "");
