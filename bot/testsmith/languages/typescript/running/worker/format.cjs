// Formats files as the project's own formatter would write them: Biome, Prettier, or the layout rules of ESLint.
// Reads {"root", "files": [{"path", "text"}]} from standard input, and writes a line of JSON for each file that
// one of them formats. A formatter that fails formats nothing.
"use strict";

const { spawnSync } = require("node:child_process");
const { existsSync, readFileSync } = require("node:fs");
const { dirname, join } = require("node:path");

const MOST_MILLISECONDS = 20_000;
const BIOME = ["biome.json", "biome.jsonc"];
const ESLINT = ["js", "mjs", "cjs", "ts", "mts", "cts"]
  .map((ending) => `eslint.config.${ending}`)
  .concat(["", ".json", ".js", ".cjs", ".yml", ".yaml"].map((ending) => `.eslintrc${ending}`));

function* foldersAround(path, root) {
  for (let folder = dirname(path); folder.startsWith(root); folder = dirname(folder)) {
    yield folder;
    if (folder === root) return;
  }
}

const nearest = (folders, names) => folders.find((folder) => names.some((name) => existsSync(join(folder, name))));

function read(place) {
  try {
    return JSON.parse(readFileSync(place, "utf8"));
  } catch {
    return {};
  }
}

async function byBiome(path, text, folders) {
  const program = "node_modules/@biomejs/biome/bin/biome";
  const [settings, installed] = [nearest(folders, BIOME), nearest(folders, [program])];
  if (!settings || !installed) return undefined;
  const done = spawnSync(process.execPath, [join(installed, program), "format", `--stdin-file-path=${path}`], {
    cwd: settings,
    input: text,
    encoding: "utf8",
    timeout: MOST_MILLISECONDS,
  });
  return done.status === 0 && done.stdout ? done.stdout : undefined;
}

async function byPrettier(path, text, folders) {
  const installed = nearest(folders, ["node_modules/prettier/package.json"]);
  if (!installed) return undefined;
  const prettier = require(join(installed, "node_modules/prettier"));
  const settings = await prettier.resolveConfig(path, { editorconfig: true });
  const isWanted = folders.some((folder) => {
    const { dependencies, devDependencies } = read(join(folder, "package.json"));
    return dependencies?.prettier || devDependencies?.prettier;
  });
  if (!settings && !isWanted) return undefined;
  const ignoring = nearest(folders, [".prettierignore"]);
  if (ignoring) {
    const about = await prettier.getFileInfo(path, { ignorePath: join(ignoring, ".prettierignore") });
    if (about.ignored) return undefined;
  }
  return await prettier.format(text, { ...settings, filepath: path });
}

async function byESLint(path, text, folders) {
  const [settings, installed] = [nearest(folders, ESLINT), nearest(folders, ["node_modules/eslint/package.json"])];
  if (!settings || !installed) return undefined;
  const { ESLint } = require(join(installed, "node_modules/eslint"));
  const eslint = new ESLint({ cwd: settings, fix: true, fixTypes: ["layout"] });
  const [result] = await eslint.lintText(text, { filePath: path });
  return result?.output;
}

async function main() {
  const { root, files } = JSON.parse(readFileSync(0, "utf8"));
  for (const [number, { path, text }] of files.entries()) {
    const folders = [...foldersAround(path, root)];
    for (const formatter of [byBiome, byPrettier, byESLint]) {
      const formatted = await formatter(path, text, folders).catch(() => undefined);
      if (typeof formatted === "string") {
        process.stdout.write(`\n${JSON.stringify({ number, text: formatted })}\n`);
        break;
      }
    }
  }
}

main();
