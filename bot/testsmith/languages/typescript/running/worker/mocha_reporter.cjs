// A reporter of mocha: one line of JSON for each test, with its full title, and one at the end.
"use strict";

const { openSync, writeSync } = require("node:fs");

const MOST = 4000;

module.exports = class {
  constructor(runner, options) {
    const file = openSync(options.reporterOptions.output, "a");
    const write = (value) => writeSync(file, `${JSON.stringify(value)}\n`);
    const add = (test, status, error) =>
      write({
        file: test.file ?? "",
        titles: test.titlePath(),
        status,
        is_suite: test.type === "hook",
        message: String(error?.stack ?? error ?? "").slice(0, MOST),
        seconds: (test.duration ?? 0) / 1000,
      });
    runner.on("pass", (test) => add(test, "passed"));
    runner.on("pending", (test) => add(test, "skipped"));
    runner.on("fail", (test, error) => add(test, "failed", error));
    runner.on("end", () => write({ end: true }));
  }
};
