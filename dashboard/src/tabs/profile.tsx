import { useState } from "react";
import { call } from "../api/client";
import { useLive } from "../api/live";
import { useSession } from "../api/session";
import type { User } from "../api/types";
import { Appearance } from "../parts/appearance";
import { Badge } from "../parts/badge";
import { Button } from "../parts/button";
import { Confirm, Form } from "../parts/dialog";
import { TextField } from "../parts/field";
import { Page } from "../parts/page";
import { Answered } from "../parts/states";
import { Time } from "../parts/time";
import { texts } from "../texts";

/** One's own account: who I am, my password, my sessions. */
export function Profile() {
  const { me, logOut } = useSession();
  const query = useLive<User>("/api/auth/me", 300_000);
  const [leaving, setLeaving] = useState(false);

  return (
    <Page title={texts.profile}>
      <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
        <section className="card">
          <Answered query={query}>
            {(user) => (
              <dl className="grid grid-cols-[8rem_1fr] gap-y-2">
                <dt className="text-muted">{texts.name}</dt>
                <dd>{user.name}</dd>
                <dt className="text-muted">{texts.email}</dt>
                <dd className="break-all">{user.email}</dd>
                <dt className="text-muted">{texts.role}</dt>
                <dd>
                  <Badge tone="accent">{user.role}</Badge>
                </dd>
                <dt className="text-muted">{texts.lastLogin}</dt>
                <dd>
                  <Time value={user.last_login} />
                </dd>
              </dl>
            )}
          </Answered>
          <div className="mt-4 md:hidden">
            <Appearance />
          </div>
          <h2 className="mt-4 mb-2 font-semibold">{texts.mayDo}</h2>
          <ul className="flex flex-wrap gap-1">
            {me?.permissions.map((permission) => (
              <li key={permission}>
                <Badge>{permission}</Badge>
              </li>
            ))}
          </ul>
        </section>
        <section className="card">
          <h2 className="mb-3 font-semibold">{texts.changePassword}</h2>
          <PasswordForm />
          <h2 className="mt-6 mb-2 font-semibold">{texts.sessions}</h2>
          <Button look="danger" onClick={() => setLeaving(true)}>
            {texts.logOutEverywhere}
          </Button>
        </section>
      </div>
      {leaving && (
        <Confirm
          title={texts.logOutEverywhere}
          text={texts.logOutEverywhereText}
          action={texts.logOutEverywhere}
          onConfirm={() => logOut(true)}
          onClose={() => setLeaving(false)}
        />
      )}
    </Page>
  );
}

function PasswordForm() {
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [done, setDone] = useState(false);

  return (
    <Form
      submit={texts.changePassword}
      onSubmit={() =>
        call("POST", "/api/auth/password", {
          body: { current_password: current, new_password: next },
        })
      }
      onDone={() => {
        setCurrent("");
        setNext("");
        setDone(true);
      }}
    >
      {(errorOf) => (
        <>
          {done && (
            <p role="status" className="text-good">
              {texts.passwordSet}
            </p>
          )}
          <TextField
            label={texts.currentPassword}
            type="password"
            autoComplete="current-password"
            value={current}
            onChange={setCurrent}
            error={errorOf("current_password")}
          />
          <TextField
            label={texts.newPassword}
            type="password"
            autoComplete="new-password"
            hint={texts.passwordHint}
            value={next}
            onChange={setNext}
            error={errorOf("new_password")}
          />
        </>
      )}
    </Form>
  );
}
