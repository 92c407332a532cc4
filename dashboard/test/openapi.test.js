// The description of the API, as /openapi.json gives it.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { after, before, test } from "node:test";
import { launch, open, URL as ORIGIN } from "./browser.js";

const run = promisify(execFile);
const cwd = fileURLToPath(new URL(".", import.meta.url));
const FILE = "../dist/openapi.json";

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("each call is described by hand", async () => {
  const { paths } = await (await fetch(`${ORIGIN}/openapi.json`)).json();
  const nameless = Object.entries(paths).flatMap(([path, calls]) =>
    Object.values(calls)
      .filter(({ summary }) => summary.includes(" /"))
      .map(() => path),
  );
  assert.deepEqual(nameless, []);
});

test("redocly finds no error", () =>
  run("node_modules/.bin/redocly", ["lint", FILE], {
    cwd,
    env: { ...process.env, REDOCLY_TELEMETRY: "off" },
  }));

test("spectral finds no error", () =>
  run("node_modules/.bin/spectral", ["lint", FILE, "-r", "spectral.yaml"], { cwd }));

test("the page shows calls, and the text of a problem", async () => {
  const page = await open(browser);
  await page.goto(`${ORIGIN}/docs/#problem-permission-missing`);
  await page.getByText("Log a user out everywhere").waitFor();
  const text = page.locator("#problem-permission-missing");
  await text.waitFor({ state: "attached" });
  assert.deepEqual(page.mistakes, []);
  await page.context().close();
});
