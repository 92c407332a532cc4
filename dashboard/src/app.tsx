// The frame around the tabs: who may see which, and where each stands.

import { useEffect, useRef, useState } from "react";
import type { ComponentType } from "react";
import { Link, Redirect, Route, Switch, useLocation } from "wouter";
import { useSession } from "./api/session";
import { Button } from "./parts/button";
import { Appearance } from "./parts/appearance";
import { Page } from "./parts/page";
import { Failed, Forbidden, Loading, Stale } from "./parts/states";
import type { Permission } from "./tables";
import { Audit } from "./tabs/audit";
import { Health } from "./tabs/health";
import { Job } from "./tabs/job";
import { Jobs } from "./tabs/jobs";
import { Login, PasswordReset } from "./tabs/login";
import { Overview } from "./tabs/overview";
import { Profile } from "./tabs/profile";
import { Settings } from "./tabs/settings";
import { User } from "./tabs/user";
import { Users } from "./tabs/users";
import { texts } from "./texts";

interface Tab {
  path: string;
  name: string;
  permission: Permission;
  page: ComponentType;
}

const TABS: Tab[] = [
  { path: "/", name: texts.overview, permission: "system:audit", page: Overview },
  { path: "/health", name: texts.health, permission: "system:health", page: Health },
  { path: "/audit", name: texts.audit, permission: "system:audit", page: Audit },
  { path: "/users", name: texts.users, permission: "user:read", page: Users },
  { path: "/jobs", name: texts.jobs, permission: "system:jobs", page: Jobs },
  { path: "/settings", name: texts.settings, permission: "system:settings", page: Settings },
];

// The link of a mail: /admin/#/password-reset?token=...; a fragment is sent to
// no server and stands in no log.
function resetToken() {
  const [path, query] = location.hash.slice(1).split("?");
  return path === "/password-reset"
    ? new URLSearchParams(query).get("token")
    : null;
}

export function App() {
  const { me, error } = useSession();
  const [token, setToken] = useState(resetToken);

  if (token !== null) {
    return (
      <PasswordReset
        token={token}
        onDone={() => {
          history.replaceState(null, "", "/admin/");
          setToken(null);
        }}
      />
    );
  }
  if (me === null) {
    return <Login />;
  }
  if (me === undefined) {
    return (
      <main className="mx-auto max-w-md p-6">
        {error ? <Failed error={error} /> : <Loading />}
      </main>
    );
  }
  return <Frame />;
}

function Frame() {
  return (
    <div className="min-h-screen md:grid md:grid-cols-[13rem_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only focus:not-sr-only focus:absolute focus:z-10 focus:bg-surface focus:p-2"
      >
        {texts.skip}
      </a>
      <Side />
      <main id="main" tabIndex={-1} className="min-w-0 p-4 outline-none md:p-6">
        <Stale />
        <Pages />
      </main>
    </div>
  );
}

function Side() {
  const { me, may, logOut } = useSession();

  return (
    <header
      className="border-b border-line bg-surface p-3 md:sticky md:top-0 md:flex
        md:h-screen md:flex-col md:border-r md:border-b-0"
    >
      <div className="flex items-center justify-between pb-2">
        <p className="px-2 text-base font-semibold">{texts.title}</p>
        <Button className="md:hidden" onClick={() => void logOut()}>
          {texts.logOut}
        </Button>
      </div>
      <nav aria-label={texts.sections} className="flex gap-1 overflow-x-auto md:grid">
        {TABS.filter(({ permission }) => may(permission)).map(({ path, name }) => (
          <TabLink key={path} path={path} name={name} />
        ))}
        <TabLink path="/profile" name={texts.profile} />
      </nav>
      <div className="hidden gap-2 md:mt-auto md:grid">
        <Appearance />
        <p className="min-w-0 px-2">
          <span className="block truncate font-medium">{me?.email}</span>
          <span className="text-xs text-muted">{me?.role}</span>
        </p>
        <Button onClick={() => void logOut()}>{texts.logOut}</Button>
      </div>
    </header>
  );
}

function TabLink({ path, name }: { path: string; name: string }) {
  const [location] = useLocation();
  const current = path === "/" ? location === "/" : location.startsWith(path);

  const link = useRef<HTMLAnchorElement>(null);

  // in a narrow window the tabs scroll
  useEffect(() => {
    if (current) {
      link.current?.scrollIntoView({ block: "nearest", inline: "nearest" });
    }
  }, [current]);

  return (
    <Link
      ref={link}
      href={path}
      aria-current={current ? "page" : undefined}
      className={`rounded-md px-2 py-1.5 font-medium whitespace-nowrap ${
        current ? "bg-accent-soft text-accent" : "text-ink hover:bg-sunken"
      }`}
    >
      {name}
    </Link>
  );
}

function Pages() {
  const { may } = useSession();
  const home = TABS.find(({ permission }) => may(permission))?.path;
  const guarded = (permission: Permission, Content: ComponentType) =>
    may(permission) ? (
      <Content />
    ) : (
      <Page title={texts.forbidden}>
        <Forbidden permission={permission} />
      </Page>
    );

  return (
    <Switch>
      <Route path="/users/:id">{guarded("user:read", User)}</Route>
      <Route path="/jobs/:id">{guarded("system:jobs", Job)}</Route>
      <Route path="/profile">
        <Profile />
      </Route>
      {home !== "/" && (
        <Route path="/">
          <Redirect to={home ?? "/profile"} replace />
        </Route>
      )}
      {TABS.map(({ path, permission, page }) => (
        <Route key={path} path={path}>
          {guarded(permission, page)}
        </Route>
      ))}
      <Route>
        <Page title={texts.noSuchPage}>{null}</Page>
      </Route>
    </Switch>
  );
}
