// What can be done here: each as a request to the control interface and as a line of Python.

import { call, python as value } from "./lines.js";

const products = (chosen) => (chosen ? { products: [chosen] } : {});

export const addOrder = (fields) => ({
  title: "A draft order was made.",
  method: "POST",
  path: "orders",
  body: fields,
  python: call("sandbox.world.add_order", [], fields),
});

export const addExamples = (count) => ({
  title: `${count} example orders were made.`,
  method: "POST",
  path: "examples",
  body: { count },
  python: call("sandbox.world.add_examples", [count]),
});

export const advance = (id, to, product) => ({
  title: to === "Pending" ? "The scan was submitted; the order is Pending." : `The order is ${to}.`,
  method: "POST",
  path: `orders/${id}/advance`,
  body: products(product),
  python: call("sandbox.world.advance", [id, ...(product ? [product] : [])]),
});

export const setStatus = (id, status, product) => ({
  title: `The order is ${status}.`,
  method: "PUT",
  path: `orders/${id}/status`,
  body: { status, ...products(product) },
  python: call("sandbox.world.set_status", [id, status, ...(product ? [product] : [])]),
});

export const quickEdit = (id, product) => ({
  ...setStatus(id, "Ready", product),
  title: "A quick edit was delivered.",
});

export const requestChange = (id, product, text) => ({
  title: "The change was requested; the order is Fixing.",
  method: "POST",
  path: `orders/${id}/change-requests`,
  body: { products: [product], text },
  python:
    `sandbox.world.add_change_request(sandbox.world.order(${value(id)}), ` +
    `products=${value([product])}, text=${value(text)}, img_urls=[])`,
});

export const passTime = (seconds) => ({
  title: "The clock was advanced.",
  method: "POST",
  path: "clock",
  body: { advance: seconds },
  python: call("sandbox.clock.advance", [seconds]),
});

export const reset = () => ({
  title: "The sandbox has begun anew.",
  method: "POST",
  path: "reset",
  python: "sandbox.reset()",
});

export const register = (urls, triggers) => ({
  title: "The webhooks were registered.",
  method: "PUT",
  path: "webhooks/urls",
  body: { webhook_urls: urls, webhook_triggers: triggers },
  python:
    "sandbox.world.webhook_urls, sandbox.world.webhook_triggers = " +
    `${value(urls)}, ${value(triggers)}`,
});

const PLANS = {
  faults: ["sandbox.faults", "Fault"],
  "files/faults": ["sandbox.file_host.faults", "Fault"],
  "webhooks/faults": ["sandbox.webhooks.faults", "WebhookFault"],
};

export function addFault(where, fault) {
  const { kind, ...rest } = fault;
  const [plan, name] = PLANS[where];
  return {
    title: `The fault is set: ${kind}.`,
    method: "POST",
    path: where,
    body: fault,
    python: `${plan}.add(${call(name, [kind], rest)})`,
  };
}

export const removeFault = (where, number) => ({
  title: "The fault is taken away.",
  method: "DELETE",
  path: `${where}/${number}`,
  python: `${PLANS[where][0]}.remove(${number})`,
});

export const clearFaults = (where) => ({
  title: "The faults are cleared.",
  method: "DELETE",
  path: where,
  python: `${PLANS[where][0]}.clear()`,
});

export const PLACES = { api: "faults", files: "files/faults", webhooks: "webhooks/faults" };

export const COMMON = [
  ["The answer of the next draft is lost", "faults", { kind: "drop", phase: "after_commit", operation: "drafts.create", times: 1 }],
  ["Twice 503, try again after 2 s", "faults", { kind: "status", status: 503, retry_after: "2", times: 2 }],
  ["Every answer takes 3 s", "faults", { kind: "delay", seconds: 3 }],
  ["Down for 5 s at the next request", "faults", { kind: "refuse", seconds: 5, times: 1 }],
  ["The next file is cut", "files/faults", { kind: "cut", times: 1 }],
  ["The next webhook is lost", "webhooks/faults", { kind: "lose", times: 1 }],
  ["The next webhook comes twice", "webhooks/faults", { kind: "duplicate", times: 1 }],
];
