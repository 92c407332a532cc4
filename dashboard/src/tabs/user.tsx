import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation, useParams } from "wouter";
import { call } from "../api/client";
import { useLive } from "../api/live";
import { useSession } from "../api/session";
import type { Login, Page, Roles, User as Account } from "../api/types";
import { formatAgent } from "../format";
import { Badge } from "../parts/badge";
import { Button } from "../parts/button";
import { Confirm, Form } from "../parts/dialog";
import { SelectField, TextField } from "../parts/field";
import { Page as Frame } from "../parts/page";
import { Answered, Empty } from "../parts/states";
import { Time } from "../parts/time";
import { texts } from "../texts";
import { useRoleOptions } from "./users";

/** One user: who it is, what the role may do, and changes of both. */
export function User() {
  const { id } = useParams<{ id: string }>();
  const path = `/api/admin/users/${id}`;
  const query = useLive<Account>(path, 60_000);

  return (
    <Frame title={query.data?.name ?? texts.user}>
      <Answered query={query}>
        {(user) => (
          <div className="grid grid-cols-1 gap-4 lg:grid-cols-2">
            <Edit
              // what somebody types outlives what else changes of the user
              key={JSON.stringify([user.name, user.email, user.role])}
              user={user}
              path={path}
              onSaved={() => void query.refetch()}
            />
            <div className="grid grid-cols-1 content-start gap-4">
              <About user={user} />
              <Danger user={user} path={path} onDone={() => void query.refetch()} />
              <Sessions user={user} path={path} />
              <Grants role={user.role} />
            </div>
          </div>
        )}
      </Answered>
    </Frame>
  );
}

function About({ user }: { user: Account }) {
  const { may } = useSession();

  return (
    <section className="card">
      <dl className="grid grid-cols-[8rem_1fr] gap-y-2">
        <dt className="text-muted">{texts.state}</dt>
        <dd>
          <Badge tone={user.is_active ? "good" : "neutral"}>
            {user.is_active ? texts.active : texts.inactive}
          </Badge>
        </dd>
        <dt className="text-muted">{texts.created}</dt>
        <dd>
          <Time value={user.created_at} />
        </dd>
        <dt className="text-muted">{texts.lastLogin}</dt>
        <dd>
          <Time value={user.last_login} />
        </dd>
      </dl>
      {may("system:audit") && (
        <p className="mt-3 flex flex-wrap gap-4">
          <Link
            href={`/audit?user_id=${user.id}`}
            className="text-accent underline"
          >
            {texts.whatTheyDid}
          </Link>
          <Link
            href={`/audit?resource_type=user&resource_id=${user.id}`}
            className="text-accent underline"
          >
            {texts.whatWasDone}
          </Link>
        </p>
      )}
    </section>
  );
}

function Edit({
  user, path, onSaved,
}: {
  user: Account;
  path: string;
  onSaved: () => void;
}) {
  const { me, may } = useSession();
  const roles = useRoleOptions();
  const [name, setName] = useState(user.name);
  const [email, setEmail] = useState(user.email);
  const [role, setRole] = useState(user.role);
  const [password, setPassword] = useState("");
  const [reason, setReason] = useState("");
  const own = me?.user_id === user.id;
  const mayRole = may("user:manage_roles") && !own;

  async function save() {
    const change = {
      ...(name !== user.name && { name }),
      ...(email !== user.email && { email }),
      ...(role !== user.role && { role }),
      ...(password !== "" && { password }),
      ...(reason !== "" && { reason }),
    };
    await call("PUT", path, { body: change });
  }

  return (
    <section className="card">
      <h2 className="mb-3 font-semibold">{texts.account}</h2>
      <Form
        submit={texts.save}
        disabled={
          !may("user:update") ||
          (name === user.name && email === user.email &&
            role === user.role && password === "")
        }
        onSubmit={save}
        onDone={onSaved}
      >
        {(errorOf) => (
          <>
            <TextField
              label={texts.name}
              autoComplete="off"
              value={name}
              onChange={setName}
              error={errorOf("name")}
            />
            <TextField
              label={texts.email}
              type="email"
              autoComplete="off"
              value={email}
              onChange={setEmail}
              error={errorOf("email")}
            />
            <SelectField
              label={texts.role}
              value={role}
              options={roles.length > 0 ? roles : [[role, role]]}
              disabled={!mayRole}
              hint={own ? texts.ownRole : mayRole ? undefined : texts.roleNeeds}
              onChange={setRole}
              error={errorOf("role")}
            />
            {(role !== user.role || reason !== "") && (
              <TextField
                label={texts.reason}
                hint={texts.reasonHint}
                value={reason}
                onChange={setReason}
                error={errorOf("reason")}
              />
            )}
            <TextField
              label={texts.newPassword}
              type="password"
              autoComplete="new-password"
              hint={texts.passwordEmpty}
              value={password}
              onChange={setPassword}
              error={errorOf("password")}
            />
          </>
        )}
      </Form>
    </section>
  );
}

function Danger({
  user, path, onDone,
}: {
  user: Account;
  path: string;
  onDone: () => void;
}) {
  const { me, may } = useSession();
  const client = useQueryClient();
  const [, go] = useLocation();
  const [asking, setAsking] = useState<"state" | "delete" | null>(null);
  const close = () => setAsking(null);

  if (me?.user_id === user.id || !(may("user:update") || may("user:delete"))) {
    return null;
  }
  return (
    <section className="card flex flex-wrap gap-2">
      {may("user:update") && (
        <Button
          look={user.is_active ? "danger" : "plain"}
          onClick={() => setAsking("state")}
        >
          {user.is_active ? texts.deactivate : texts.activate}
        </Button>
      )}
      {may("user:delete") && (
        <Button look="danger" onClick={() => setAsking("delete")}>
          {texts.deleteUser}
        </Button>
      )}
      {asking === "state" && (
        <Confirm
          title={`${user.is_active ? texts.deactivate : texts.activate}: ${user.email}`}
          text={user.is_active ? texts.deactivateText : texts.activateText}
          action={user.is_active ? texts.deactivate : texts.activate}
          onConfirm={async () => {
            await call("PUT", path, { body: { is_active: !user.is_active } });
            onDone();
          }}
          onClose={close}
        />
      )}
      {asking === "delete" && (
        <Confirm
          title={`${texts.deleteUser}: ${user.email}`}
          text={texts.deleteText}
          name={user.email}
          action={texts.deleteUser}
          onConfirm={async () => {
            await call("DELETE", path);
            await client.invalidateQueries({ queryKey: ["/api/admin/users"] });
            go("/users");
          }}
          onClose={close}
        />
      )}
    </section>
  );
}

/** Where the user is logged in. */
function Sessions({ user, path }: { user: Account; path: string }) {
  const { me, may } = useSession();
  const query = useLive<Page<Login>>(`${path}/sessions`, 60_000);
  const [asking, setAsking] = useState(false);

  return (
    <section className="card">
      <h2 className="mb-3 font-semibold">{texts.sessions}</h2>
      <Answered query={query}>
        {({ items }) =>
          items.length === 0 ? (
            <Empty>{texts.noSessions}</Empty>
          ) : (
            <ul className="grid gap-2">
              {items.map((login) => (
                <li key={login.id} className="rounded-md bg-sunken p-2">
                  <p className="line-clamp-1 break-all" title={login.user_agent ?? ""}>
                    {login.user_agent ? formatAgent(login.user_agent) : texts.unknown}
                  </p>
                  <p className="text-xs text-muted">
                    {login.ip_address} · {texts.lastUsed}{" "}
                    <Time value={login.last_used_at} ago />
                  </p>
                </li>
              ))}
            </ul>
          )
        }
      </Answered>
      {may("user:update") && me?.user_id !== user.id && (
        <Button className="mt-3" look="danger" onClick={() => setAsking(true)}>
          {texts.logOutEverywhere}
        </Button>
      )}
      {asking && (
        <Confirm
          title={`${texts.logOutEverywhere}: ${user.email}`}
          text={texts.endSessionsText}
          action={texts.logOutEverywhere}
          onConfirm={async () => {
            await call("DELETE", `${path}/sessions`);
            await query.refetch();
          }}
          onClose={() => setAsking(false)}
        />
      )}
    </section>
  );
}

/** What a role may do, by category. */
function Grants({ role }: { role: string }) {
  const query = useLive<Roles>("/api/admin/roles", 300_000);

  return (
    <section className="card">
      <h2 className="mb-3 font-semibold">{texts.roleMay(role)}</h2>
      <Answered query={query}>
        {({ roles, permissions }) => {
          const held = roles.find(({ name }) => name === role)?.permissions ?? [];
          return (
            <ul className="grid gap-1 sm:grid-cols-2">
              {permissions.map(({ name, description }) => (
                <li
                  key={name}
                  title={description}
                  className={held.includes(name) ? "" : "text-muted line-through"}
                >
                  <span className="font-mono text-xs">{name}</span>
                </li>
              ))}
            </ul>
          );
        }}
      </Answered>
    </section>
  );
}
