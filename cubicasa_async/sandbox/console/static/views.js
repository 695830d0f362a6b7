// How what there is looks.

import { chip, find, h, list, say, status, when } from "./dom.js";
import { requestLines } from "./lines.js";

const answer = (status) =>
  status == null ? chip("no answer", "bad") : chip(String(status), status < 300 ? "good" : "bad");

const copyButton = (label, text) => h("button", { type: "button", "data-text": text }, label);

const long = (text) => h("span", { class: "long", tabindex: text.length > 400 ? 0 : null }, text);

export const named = (order) => order.address || "no address";

const some = (id, items) => (find(id).hidden = items > 0);

export function orderRows(state, chosen) {
  const row = (order) =>
    h("a", { class: "whole", href: `#/orders/${order.id}` },
      h("span", null, named(order)), status(order.status),
      h("span", { class: "small quiet" }, order.external_id ?? "no external id"),
      when(order.created_at));
  some("no-orders", list("rows", state.orders, (order) => order.id, row));
  for (const link of document.querySelectorAll("#rows a")) {
    if (link.hash === `#/orders/${chosen}`) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  find("more-orders").hidden = state.matching <= state.orders.length;
  say("how-many", `The newest ${state.orders.length} of ${state.matching}.`);
}

export function order(facts, one) {
  say("order-title", named(one));
  const values = {
    Status: status(one.status),
    Id: h("code", null, one.id),
    "External id": one.external_id && long(one.external_id),
    Owner: one.owner_email && long(one.owner_email),
    Package: [one.package_type ?? "base", ...one.add_ons].join(", "),
    Made: when(one.created_at),
    "First delivered": one.first_delivered_at && when(one.first_delivered_at),
    Note: one.info && long(one.info),
  };
  const shown = Object.entries(values).filter(([, value]) => value);
  const place = find("order-facts");
  const content = JSON.stringify([one.status, one.id, one.external_id, one.owner_email, one.package_type, one.add_ons, one.first_delivered_at, one.info]);
  if (place.content !== content) {
    place.content = content;
    place.replaceChildren(...shown.map(([name, value]) => h("div", null, h("dt", null, name), h("dd", null, value))));
  }
  const next = one.next;
  find("scan").disabled = next !== "Pending";
  find("ready").disabled = next !== "Ready";
  find("edit").disabled = one.status !== "Ready";
  find("unmoved").hidden = next !== null || one.status === "Ready";
  for (const control of find("change").elements) control.disabled = !["Ready", "Fixing"].includes(one.status);

  const numbered = one.changes.map((change, at) => ({ ...change, number: one.changes.length - at }));
  list("order-changes", numbered, (change) => change.number, (change) => [
    when(change.time), " ", change.previous === null ? "made as " : [status(change.previous), " to "], status(change.current),
    change.product ? ` delivered ${change.product}` : "",
  ].flat());
  some("no-files", list("order-files", one.files, (file) => file.product + file.path, fileItem));
  some("no-requests", list("order-requests", one.change_requests, (item) => item.id, (item) => [
    when(item.created_at), " ", chip(item.status, item.status === "done" ? "good" : "pending"),
    ` ${item.products.join(", ")}`, long(item.text),
  ]));
  some("no-order-calls", calls("order-calls", one.calls));
  some("no-order-ledger", entries("order-ledger", facts, one.ledger));
}

function fileItem(file) {
  const picture = /\.(png|jpg|svg)$/.test(file.name);
  return [
    picture && h("img", { src: `/_sandbox/console/preview${file.path}`, alt: `Floor plan ${file.name}`, width: 384, height: 304, loading: "lazy" }),
    h("a", { href: `/_sandbox/console/file${file.path}`, target: "_blank", rel: "noreferrer" }, file.name),
    h("div", { class: "small quiet" }, file.product),
  ];
}

export function calls(id, items) {
  return list(id, items, (item) => item.number, (item) => h("details", null,
    h("summary", null, ...[when(item.time), " ",
      item.body.previous_status ? [status(item.body.previous_status), " to "] : "", status(item.body.current_status), " ",
      item.attempt ? `attempt ${item.attempt} ` : "never left ", item.attempt ? answer(item.status) : chip("lost", "bad"),
      item.fault && item.attempt ? [" ", chip(item.fault, "bad")] : ""].flat()),
    h("p", null, "To ", h("code", null, item.url), ", order ",
      h("a", { href: `#/orders/${item.body.id}` }, item.body.id)),
    h("pre", { tabindex: 0 }, JSON.stringify(item.body, null, 2))));
}

export function entries(id, facts, items) {
  return list(id, items, (item) => item.number, (item) => {
    const lines = item.operation && requestLines(facts, item);
    return h("details", null,
      h("summary", null, ...[`${item.number} `, when(item.time), " ", h("code", null, `${item.method} ${item.path}`), " ",
        answer(item.status), item.committed ? [" ", chip("had an effect", "new")] : "",
        item.fault ? [" ", chip(item.fault.kind, "bad")] : ""].flat()),
      h("p", null, item.operation ?? "No operation of the API",
        item.authorised ? "" : ", without the right key",
        item.read ? "" : ", not read whole",
        item.created.length ? `, made ${item.created.join(", ")}` : ""),
      item.body != null && h("pre", { tabindex: 0 }, JSON.stringify(item.body, null, 2)),
      item.fault && h("p", { class: "quiet" }, `Fault: ${item.fault.kind} at ${item.fault.phase}`),
      lines && h("p", { class: "row" }, copyButton("Copy as curl", lines.curl), copyButton("Copy as Python", lines.python)));
  });
}

const PLACES = { api: "the API", files: "the file host", webhooks: "webhooks" };

export function faults(state, takeAway) {
  const all = Object.entries(state.faults).flatMap(([where, found]) => found.map((one) => ({ where, ...one })));
  list("fault-list", all, (item) => `${item.where} ${item.number}`, ({ where, number, hit, fault }) => {
    const { kind, ...rest } = fault;
    const words = Object.entries(rest).map(([name, value]) => `${name} ${JSON.stringify(value)}`);
    const text = `${PLACES[where]}${words.length ? `: ${words.join(", ")}` : ""}`;
    const effect = fault.times && hit >= fault.times ? "spent" : `hit ${hit}`;
    return h("div", { class: "apart" },
      h("span", null, chip(kind, "bad"), ` ${text} `, h("span", { class: "quiet" }, `(${effect})`)),
      h("button", { type: "button", "aria-label": `Take away ${kind} of ${text}`, onclick: () => takeAway(where, number) }, "Take away"));
  });
  say("in-force", `In force: ${all.length}. Requests hit so far: ${state.hits}.`);
  find("clear").disabled = all.length === 0;
  say("count-faults", String(all.length));
}

export function done(facts, items) {
  list("done", items, (item) => item.number, (item) => [
    h("p", null, item.title),
    h("pre", { tabindex: 0 }, `${item.curl}\n${item.python}`),
    h("p", { class: "row" }, copyButton("Copy curl", item.curl), copyButton("Copy Python", item.python)),
  ]);
}
