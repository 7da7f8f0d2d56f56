// A reporter of node:test: one line of JSON for each test, with its full title, and one at the end.

import { resolve } from "node:path";

const MOST = 4000;

function message({ error }) {
  const cause = error?.cause ?? error;
  return String(cause?.stack ?? cause?.message ?? cause ?? "").slice(0, MOST);
}

// Whether what is reported is a file, for example one that could not be loaded.
function isFile({ name, file, nesting }) {
  return nesting === 0 && resolve(String(name)) === file;
}

export default async function* report(source) {
  const titles = new Map();
  for await (const { type, data } of source) {
    if (type === "test:start") {
      const path = titles.get(data.file) ?? [];
      path.length = data.nesting;
      path[data.nesting] = data.name;
      titles.set(data.file, path);
    } else if (type === "test:pass" || type === "test:fail") {
      const path = [...(titles.get(data.file) ?? []).slice(0, data.nesting), data.name];
      const skipped = data.skip !== undefined || data.todo !== undefined;
      yield `${JSON.stringify({
        file: data.file ?? "",
        titles: path.map(String),
        status: skipped ? "skipped" : type === "test:pass" ? "passed" : "failed",
        is_suite: data.details?.type === "suite" || isFile(data),
        message: type === "test:fail" ? message(data.details) : "",
        seconds: (data.details?.duration_ms ?? 0) / 1000,
      })}\n`;
    }
  }
  yield `${JSON.stringify({ end: true })}\n`;
}
