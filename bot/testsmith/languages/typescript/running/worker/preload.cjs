// Loaded before everything else in each process of a test run (`node --require`): it notes which flags of
// instrumented files are reached, and moves the clock. See `flags.py` and `run_settings.py`.
"use strict";

const fs = require("node:fs");
const { syncBuiltinESMExports } = require("node:module");
const os = require("node:os");
const v8 = require("node:v8");
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

// What Node reads in /proc, which the sandbox closes: without any processor, some frameworks start no process, and
// others ask after each test file how much memory is used, and wait forever if that fails.
function stateOfTheSystem() {
  if (os.cpus().length === 0) {
    const times = { user: 0, nice: 0, sys: 0, idle: 0, irq: 0 };
    os.cpus = () => [{ model: "unknown", speed: 0, times: { ...times } }];
    syncBuiltinESMExports();
  }
  try {
    process.memoryUsage();
  } catch {
    process.memoryUsage = () => {
      const heap = v8.getHeapStatistics();
      return {
        rss: heap.total_physical_size + heap.external_memory,
        heapTotal: heap.total_heap_size,
        heapUsed: heap.used_heap_size,
        external: heap.external_memory,
        arrayBuffers: 0,
      };
    };
    process.memoryUsage.rss = () => process.memoryUsage().rss;
  }
}

stateOfTheSystem();
if (trace) {
  note();
}
if (clock) {
  moveClock(Number(clock) * 1000);
}
