// Loaded before everything else in each process of a test run (`node --require`): it notes which flags of
// instrumented files are reached, and moves the clock. See `flags.py` and `run_settings.py`.
"use strict";

const fs = require("node:fs");
const vm = require("node:vm");

const { openSync, writeSync } = fs;
const { TESTSMITH_TRACE: trace, TESTSMITH_CLOCK: clock } = process.env;

function note() {
  const seen = new Set();
  let file;
  const write = (words) => {
    file ??= openSync(trace, "a");
    writeSync(file, `${process.pid} ${words}\n`);
  };
  const flags = {
    // A flag is reached; false, so that it can stand before an expression.
    at(number) {
      if (!seen.has(number)) {
        seen.add(number);
        write(number);
      }
      return false;
    },
    // A test begins. What was reached before is not its own.
    begin(file, title) {
      seen.clear();
      write(JSON.stringify([file, String(title)]));
    },
  };
  Object.defineProperty(process, "testsmith", { value: Object.freeze(flags) });
}

// The same text for this global object and for those of other contexts, which have a clock of their own.
const MOVED = `(offset) => {
  const Real = globalThis.Date;
  const real = Real.now;
  const now = { now() { return real() + offset; } }.now;
  Real.now = now;
  globalThis.Date = new Proxy(Real, {
    apply: () => new Real(now()).toString(),
    construct: (target, given, made) =>
      Reflect.construct(target, given.length ? given : [now()], made === globalThis.Date ? target : made),
  });
  Real.prototype.constructor = globalThis.Date;
}`;

function moveClock(offset) {
  vm.runInThisContext(MOVED)(offset);
  const { createContext } = vm;
  vm.createContext = (...given) => {
    const context = createContext(...given);
    vm.runInContext(MOVED, context)(offset);
    return context;
  };
}

if (trace) {
  note();
}
if (clock) {
  moveClock(Number(clock) * 1000);
}
