// The control interface of the sandbox.

const CONTROL = "/_sandbox/";

export class Refused extends Error {}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(CONTROL + path, { ...options, signal: AbortSignal.timeout(10_000) });
  } catch {
    throw new Error("The sandbox does not answer.");
  }
  const value = await response.json();
  if (!response.ok) throw new Refused(value.message);
  return { value, etag: response.headers.get("etag") };
}

export const read = (path) => ask(path, { cache: "no-cache" });

export async function change({ method, path, body }) {
  const options = { method, headers: { "x-sandbox": "1" } };
  if (body !== undefined) options.body = JSON.stringify(body);
  return (await ask(path, options)).value;
}
