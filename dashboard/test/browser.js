// The browser of the tests, and what they do in it again and again.

import { AxeBuilder } from "@axe-core/playwright";
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

export const URL = process.env.LEADGEN_DASHBOARD;
export const USERS = JSON.parse(readFileSync(process.env.LEADGEN_CREDENTIALS));

let storageState;

/** Starts Debian's chromium. */
export function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-dev-shm-usage"],
  });
}

/**
 * A page in a profile of its own.  What goes wrong in it, the policy's
 * violations too, is in its `mistakes`.
 */
export async function open(browser, options = {}) {
  const context = await browser.newContext({
    viewport: { width: 1280, height: 900 },
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  page.mistakes = [];
  page.on("pageerror", (error) => page.mistakes.push(error.message));
  page.on("console", (message) => {
    if (/Content Security|violates/.test(message.text())) {
      page.mistakes.push(message.text());
    }
  });
  page.on("request", (request) => {
    if (!/^(data|blob):/.test(request.url()) && !request.url().startsWith(URL)) {
      page.mistakes.push(`a request to ${request.url()}`);
    }
  });
  return page;
}

/** A page where the administrator has logged in before. */
export async function openAsAdmin(browser, options = {}) {
  storageState ??= (async () => {
    const page = await open(browser);
    await logIn(page, USERS.admin);
    const state = await page.context().storageState();
    await page.context().close();
    return state;
  })();
  return open(browser, { storageState: await storageState, ...options });
}

export async function logIn(page, user) {
  await page.goto(`${URL}/admin/`);
  await page.getByLabel("E-mail").fill(user.email);
  await page.getByLabel("Password").fill(user.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation").waitFor();
}

/** Goes to a tab and waits until its heading is there and nothing loads. */
export async function go(page, path, heading) {
  await page.goto(`${URL}/admin${path}`);
  await page.getByRole("heading", { level: 1, name: heading }).waitFor();
  await page.waitForFunction(() => !document.body.innerText.includes("Loading …"));
}

/** No violation that axe finds, and no mistake of the page. */
export async function check(page, what) {
  const { violations } = await new AxeBuilder({ page }).analyze();
  assert.deepEqual(
    violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]),
    [],
    what,
  );
  assert.deepEqual(page.mistakes, [], what);
}

/** Has a program of the stack stopped or started. */
export function supervise(verb, name) {
  return promisify(execFile)("/usr/bin/supervisorctl", [
    "-c", `${process.env.LEADGEN_RUN}/supervisord.conf`, verb, name,
  ]);
}
