// Ready-made lines: curl for a POSIX shell, and Python.

const quoted = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

export function python(value) {
  if (value === null || value === undefined) return "None";
  if (value === true) return "True";
  if (value === false) return "False";
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object") {
    return `{${Object.entries(value).map(([key, one]) => `${python(key)}: ${python(one)}`).join(", ")}}`;
  }
  return JSON.stringify(value);
}

/** A call, with the arguments that have no name before those that have one. */
export function call(name, unnamed, named = {}) {
  const rest = Object.entries(named).map(([key, value]) => `${key}=${python(value)}`);
  return `${name}(${[...unnamed.map(python), ...rest].join(", ")})`;
}

function curl(method, url, headers, body) {
  const parts = ["curl", ...(method === "GET" ? [] : ["-X", method]), ...headers];
  if (/[[\]{}]/.test(url)) parts.push("-g"); // brackets are no pattern
  if (body != null) parts.push("-H 'content-type: application/json'", "-d", quoted(JSON.stringify(body)));
  return [...parts, quoted(url)].join(" ");
}

/** What the page did by the control interface. */
export const controlLine = (facts, { method, path, body }) =>
  curl(method, `${facts.origin}/_sandbox/${path}`, ["-H 'x-sandbox: 1'"], body);

/** What a client did by the API. A key that the sandbox did not make up is not told. */
export function requestLines(facts, entry) {
  const key = facts.api_key
    ? `-H ${quoted(`api-key: ${facts.api_key}`)}`
    : '-H "api-key: $CUBICASA_API_KEY"';
  const [path, ...rest] = entry.path.split("?");
  const query = rest.join("?");
  const pairs = [...new URLSearchParams(query)].map((pair) => `(${pair.map(python).join(", ")})`);
  const parts = [python(entry.method), python(path)];
  if (pairs.length) parts.push(`query=[${pairs.join(", ")}]`);
  if (entry.body != null) parts.push(`body=${python(entry.body)}`);
  return {
    curl: curl(entry.method, facts.base_url + entry.path, [key], entry.body),
    python: `await client.request(${parts.join(", ")})`,
  };
}
