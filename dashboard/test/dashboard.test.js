// The dashboard in a real browser, on the real stack.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import {
  check, go, launch, logIn, open, openAsAdmin, supervise, URL, USERS,
} from "./browser.js";

const TABS = [
  ["/", "Overview"],
  ["/health", "System health"],
  ["/audit", "Audit logs"],
  ["/users", "Users"],
  ["/jobs", "Jobs"],
  ["/settings", "Settings"],
  ["/profile", "My account"],
];

// the same stack may serve more than one run
const DORA = `dora.${Date.now()}@example.com`;
const ROLE = `tester-${Date.now()}`;

let browser;

before(async () => {
  browser = await launch();
});

after(() => browser.close());

test("a wrong password is told, a right one lets in", async () => {
  const page = await open(browser);
  await page.goto(`${URL}/admin/`);
  await page.getByLabel("E-mail").fill(USERS.admin.email);
  await page.getByLabel("Password").fill("something else");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("Check both and try again.").waitFor();
  await check(page, "login");
  await logIn(page, USERS.admin);
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByRole("heading", { name: "Log in to the gateway" }).waitFor();
  await page.context().close();
});

/** Figures and jobs that the administrator looked at and the log tells of. */
function recordedLooks(page, from) {
  return page.evaluate(async (query) => {
    const answer = await fetch(`/api/admin/audit-logs?${new URLSearchParams(query)}`);
    return (await answer.json()).items
      .map(({ details }) => details.path)
      .filter((path) => /stats|gateways|newer|jobs/.test(path));
  }, { action: "access_granted", user_email: USERS.admin.email, from, limit: 200 });
}

for (const [colorScheme, width] of [["light", 1280], ["dark", 360]]) {
  test(`each tab, ${colorScheme}, ${width} pixels wide`, async () => {
    const begin = new Date().toISOString();
    const page = await openAsAdmin(browser, {
      colorScheme,
      viewport: { width, height: 900 },
    });
    for (const [path, heading] of TABS) {
      await go(page, path, heading);
      await check(page, `${heading}, ${colorScheme}`);
      const wide = await page.evaluate(
        () => document.documentElement.scrollWidth > innerWidth,
      );
      assert.equal(wide, false, `${heading} scrolls sideways`);
    }
    assert.deepEqual(await recordedLooks(page, begin), []);
    await page.context().close();
  });
}

test("tabs are those of the role", async () => {
  for (const [role, tabs] of [["manager", ["My account"]], ["user", ["My account"]]]) {
    const page = await open(browser);
    await logIn(page, USERS[role]);
    const links = page.getByRole("navigation").getByRole("link");
    assert.deepEqual(await links.allTextContents(), tabs, role);
    await page.goto(`${URL}/admin/users`);
    await page.getByText("This needs the permission user:read").waitFor();
    await check(page, `no permission, ${role}`);
    await page.context().close();
  }
});

test("a user is made, and locked out while at work", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/users", "Users");

  await page.getByRole("button", { name: "New user" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Dora Dashboard");
  await dialog.getByLabel("E-mail").fill("no address");
  await dialog.getByLabel("Password").fill("a long password");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByText("Send an e-mail address").waitFor();
  await check(page, "a dialog with an error");
  await dialog.getByLabel("E-mail").fill(DORA);
  await dialog.getByLabel("Role").selectOption("user");
  await dialog.getByRole("button", { name: "Create" }).click();
  await page.getByRole("heading", { level: 1, name: "Dora Dashboard" }).waitFor();

  await page.getByLabel("Role", { exact: true }).selectOption("admin");
  await page.getByLabel("Reason").fill("stands in for a week");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByRole("heading", { name: "What admin may do" }).waitFor();

  const other = await open(browser);
  await logIn(other, { email: DORA, password: "a long password" });
  await go(other, "/users", "Users");

  await page.getByRole("button", { name: "Log out everywhere" }).click();
  await page.getByRole("dialog")
    .getByRole("button", { name: "Log out everywhere" }).click();
  await page.getByText("Logged in nowhere.").waitFor();
  await other.getByLabel("Name or e-mail").fill("max");
  await other.getByText("Your session has ended.").waitFor();
  await logIn(other, { email: DORA, password: "a long password" });
  await go(other, "/users", "Users");

  await page.getByRole("button", { name: "Deactivate" }).click();
  await check(page, "a question");
  await page.getByRole("dialog").getByRole("button", { name: "Deactivate" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
  await other.getByLabel("Name or e-mail").fill("max");
  await other.getByText("Your session has ended.").waitFor();
  await check(other, "a session that ended");

  await page.getByRole("button", { name: "Delete user" }).click();
  const remove = page.getByRole("dialog").getByRole("button", { name: "Delete user" });
  assert.equal(await remove.isDisabled(), true);
  await page.getByLabel(`Type ${DORA} to confirm`).fill(DORA);
  await remove.click();
  await page.getByRole("heading", { level: 1, name: "Users" }).waitFor();
  await page.context().close();
  await other.context().close();
});

test("the log's filters live in the address", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/audit", "Audit logs");
  await page.getByLabel("Action").selectOption("login");
  await page.getByLabel("Outcome").selectOption("false");
  await page.waitForURL(/action=login&success=false/);
  await page.getByRole("row").nth(1).getByRole("button", { name: "login" }).click();
  await page.getByRole("dialog").getByText("/api/auth/login").waitFor();
  await check(page, "an event");
  await page.reload();
  assert.equal(await page.getByLabel("Action").inputValue(), "login");
  await page.context().close();
});

test("a job is posted and done; a bad one is told", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/jobs", "Jobs");
  await page.locator("summary").click();
  await page.getByRole("table", { name: "Schedule" })
    .getByRole("row", { name: /daily metrics/ }).waitFor();
  await check(page, "the schedule");
  await page.getByRole("button", { name: "New job" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Task").selectOption("calculate_daily_metrics");
  await dialog.getByLabel("days (optional)").fill("many");
  await dialog.getByRole("button", { name: "Enqueue" }).click();
  await dialog.getByText("a whole number from 1 to 366").waitFor();
  await check(page, "a job's form with an error");
  await dialog.getByLabel("days (optional)").fill("2");
  await dialog.getByRole("button", { name: "Enqueue" }).click();
  await page
    .getByRole("heading", { level: 1, name: "calculate_daily_metrics" })
    .waitFor();
  await page.getByText("succeeded").waitFor();
  await check(page, "a job");

  await page.goBack();
  await page.getByRole("button", { name: "New job" }).click();
  await dialog.getByLabel("Task").selectOption("calculate_daily_metrics");
  await dialog.getByLabel("Seconds to wait").fill("3600");
  await dialog.getByRole("button", { name: "Enqueue" }).click();
  await page.getByRole("button", { name: "Revoke" }).click();
  await dialog.getByRole("button", { name: "Revoke" }).click();
  await page.getByText("revoked", { exact: true }).waitFor();
  await page.getByRole("button", { name: "Run again" }).click();
  await page.getByText("succeeded").waitFor();
  await page.context().close();
});

test("a refusal is explained, a request judged, the log verified", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/audit", "Audit logs");
  const dialog = page.getByRole("dialog");
  const close = () => dialog.getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "Why was this denied?" }).click();
  await dialog.getByLabel("Request id").fill("01890000-0000-7000-8000-000000000000");
  await dialog.getByRole("button", { name: "Explain" }).click();
  await dialog.getByText("No request with this id was recorded").waitFor();
  await check(page, "no such decision");
  await close();

  await go(page, "/audit?action=login&success=false", "Audit logs");
  await page.getByRole("row").nth(1).getByRole("button", { name: "login" }).click();
  await dialog.getByRole("button", { name: "Why was this denied?" }).click();
  await dialog.getByText("Verdict").waitFor();
  await check(page, "an event with its decision");
  await close();

  await page.getByRole("button", { name: "Check a request" }).click();
  await dialog.getByLabel("Path").fill("/api/leads/export");
  await dialog.getByRole("button", { name: "Check" }).click();
  await dialog.getByText("Role that would do").waitFor();
  assert.match(await dialog.getByRole("status").innerText(), /denied[^]*lead:export[^]*manager/);
  await check(page, "a request judged");
  await close();

  await page.getByText("Statistics").click();
  await page.getByRole("table", { name: "What happened" }).waitFor();
  await check(page, "statistics of the log");

  await page.getByRole("button", { name: "Integrity" }).click();
  await dialog.getByRole("button", { name: "Verify the log" }).click();
  await dialog.getByText(/log is not as|Every row is as it was sealed/).waitFor();
  await check(page, "integrity");
  await page.context().close();
});

test("a role is made, changed and deleted", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/settings", "Settings");
  const dialog = page.getByRole("dialog");

  await page.getByRole("table", { name: "Directives" })
    .getByRole("row").filter({ hasText: "leadgen_zone" }).waitFor();

  await page.getByRole("button", { name: "New role" }).click();
  await dialog.getByLabel("Name").fill("admin");
  await dialog.getByRole("button", { name: "Create" }).click();
  await dialog.getByRole("alert").waitFor();
  await check(page, "a role's form with an error");
  await dialog.getByLabel("Name").fill(ROLE);
  await dialog.getByLabel("lead:read").check();
  await dialog.getByRole("button", { name: "Create" }).click();

  await page.getByText("No shadow policy decided otherwise")
    .or(page.getByRole("table", { name: "What shadow policies would change" }))
    .waitFor();

  const row = page.getByRole("table", { name: "Roles made here" })
    .getByRole("row").filter({ hasText: ROLE });
  await row.getByText("lead:read").waitFor();
  await row.getByRole("button", { name: "Edit the role" }).click();
  await dialog.getByLabel("lead:export").check();
  await dialog.getByRole("button", { name: "Save changes" }).click();
  await row.getByText("lead:export").waitFor();

  await row.getByRole("button", { name: "Delete the role" }).click();
  const remove = dialog.getByRole("button", { name: "Delete", exact: true });
  assert.equal(await remove.isDisabled(), true);
  await dialog.getByLabel(`Type ${ROLE} to confirm`).fill(ROLE);
  await check(page, "a role's end");
  await remove.click();
  await row.waitFor({ state: "detached" });
  await page.context().close();
});

test("the log comes live, and as a file", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/audit?action=lead_exported", "Audit logs");
  // what the log holds already, much or little, is none of this test's
  await page.getByLabel("From").fill(await page.evaluate(() => {
    const now = new Date();
    now.setMinutes(now.getMinutes() - now.getTimezoneOffset());
    return now.toISOString().slice(0, 19);
  }));
  await page.waitForURL(/from=/);
  await page.getByLabel("Live").check();
  const refused = await page.evaluate(async () => {
    const answer = await fetch("/api/leads/export", { credentials: "omit" });
    return answer.headers.get("X-Request-Id");
  });
  await page.getByRole("table", { name: "Audit logs" })
    .getByRole("button", { name: "lead_exported" }).first().waitFor();

  const [file] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export CSV" }).click(),
    page.locator("span[role=status]").filter({ hasNotText: "so far" })
      .innerText().then((told) => assert.match(told, /^Saved: [\d.,]+ KiB$/)),
  ]);
  const text = readFileSync(await file.path(), "utf8");
  assert.match(text, new RegExp(`${refused},.*lead_exported`));
  assert.doesNotMatch(text, /,login,/);
  await page.context().close();
});

test("the page outlives the database", async () => {
  const page = await openAsAdmin(browser);
  await go(page, "/", "Overview");
  const told = page.getByText("Stale, as of");
  const figures = page.getByRole("region", { name: "What happened" });
  await figures.waitFor();
  await page.evaluate(() => { window.isTheSame = true; });

  await supervise("stop", "postgres");
  try {
    await told.waitFor();
    assert.equal(await figures.isVisible(), true, "what was there stays");
    await check(page, "an outage");
    const links = page.getByRole("navigation");
    await links.getByRole("link", { name: "System health" }).click();
    await page.getByRole("row", { name: /database unhealthy .* ago/ }).waitFor();
    await links.getByRole("link", { name: "Overview" }).click();
    await figures.waitFor();
  } finally {
    await supervise("start", "postgres");
  }
  await told.waitFor({ state: "detached" });
  assert.equal(await page.evaluate(() => window.isTheSame), true, "no reload");
  await page.context().close();
});
