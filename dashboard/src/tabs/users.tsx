import { useState } from "react";
import { Link, useLocation } from "wouter";
import { call } from "../api/client";
import { useFilters } from "../api/filters";
import { useLive } from "../api/live";
import { usePages } from "../api/pages";
import { useSession } from "../api/session";
import type { Roles, User } from "../api/types";
import { Badge } from "../parts/badge";
import { Button } from "../parts/button";
import { Dialog, Form } from "../parts/dialog";
import { SelectField, TextField } from "../parts/field";
import { More } from "../parts/more";
import { Page } from "../parts/page";
import { Answered, Empty } from "../parts/states";
import { Table } from "../parts/table";
import { Time } from "../parts/time";
import { texts } from "../texts";

/** All roles; to who may not see them, the one they have. */
export function useRoleOptions() {
  const { me, may } = useSession();
  const enabled = may("user:read");
  const { data } = useLive<Roles>("/api/admin/roles", 300_000, { enabled });
  const roles = enabled ? data?.roles : me && [{ name: me.role }];

  return (roles ?? []).map(({ name }) => [name, name] as const);
}

export function Users() {
  const { may } = useSession();
  const [filters, setFilter] = useFilters(["q", "role", "is_active"]);
  const pages = usePages<User>("/api/admin/users", filters, 50, 60_000);
  const roles = useRoleOptions();
  const [creating, setCreating] = useState(false);

  return (
    <Page
      title={texts.users}
      actions={
        may("user:create") && (
          <Button look="primary" onClick={() => setCreating(true)}>
            {texts.newUser}
          </Button>
        )
      }
    >
      <search className="mb-4 grid gap-3 sm:grid-cols-3">
        <TextField
          label={texts.searchUsers}
          type="search"
          value={filters.q ?? ""}
          onChange={(value) => setFilter("q", value)}
        />
        <SelectField
          label={texts.role}
          value={filters.role ?? ""}
          options={[["", texts.all], ...roles]}
          onChange={(value) => setFilter("role", value)}
        />
        <SelectField
          label={texts.state}
          value={filters.is_active ?? ""}
          options={[
            ["", texts.all],
            ["true", texts.active],
            ["false", texts.inactive],
          ]}
          onChange={(value) => setFilter("is_active", value)}
        />
      </search>
      <Answered query={{ ...pages.query, data: pages.items }}>
        {(users) =>
          users.length === 0 ? (
            <Empty>{texts.noUsers}</Empty>
          ) : (
            <Table
              caption={texts.users}
              rows={users}
              keyOf={(user) => user.id}
              columns={[
                {
                  head: texts.name,
                  cell: (user) => (
                    <Link
                      href={`/users/${user.id}`}
                      className="font-medium text-accent underline-offset-2 hover:underline"
                    >
                      {user.name}
                    </Link>
                  ),
                },
                { head: texts.email, cell: (user) => user.email },
                {
                  head: texts.role,
                  cell: (user) => <Badge tone="accent">{user.role}</Badge>,
                },
                {
                  head: texts.state,
                  cell: (user) =>
                    user.is_active ? (
                      <Badge tone="good">{texts.active}</Badge>
                    ) : (
                      <Badge>{texts.inactive}</Badge>
                    ),
                },
                {
                  head: texts.lastLogin,
                  cell: (user) => <Time value={user.last_login} ago />,
                  wide: true,
                },
                {
                  head: texts.created,
                  cell: (user) => <Time value={user.created_at} />,
                  wide: true,
                },
              ]}
            />
          )
        }
      </Answered>
      <More pages={pages} />
      {creating && (
        <NewUser
          onClose={() => setCreating(false)}
          onDone={() => pages.query.refetch()}
        />
      )}
    </Page>
  );
}

function NewUser({
  onClose,
  onDone,
}: {
  onClose: () => void;
  onDone: () => void;
}) {
  const { may } = useSession();
  const [, go] = useLocation();
  const roles = useRoleOptions();
  const [user, setUser] = useState({
    name: "", email: "", password: "", role: "user",
  });
  const set = (field: keyof typeof user) => (value: string) =>
    setUser({ ...user, [field]: value });

  return (
    <Dialog title={texts.newUser} onClose={onClose}>
      <Form
        submit={texts.create}
        onSubmit={async () => {
          const made = await call<User>("POST", "/api/admin/users", { body: user });
          onDone();
          go(`/users/${made.id}`);
        }}
        onDone={onClose}
      >
        {(errorOf) => (
          <>
            <TextField
              label={texts.name}
              autoComplete="off"
              autoFocus
              value={user.name}
              onChange={set("name")}
              error={errorOf("name")}
            />
            <TextField
              label={texts.email}
              type="email"
              autoComplete="off"
              value={user.email}
              onChange={set("email")}
              error={errorOf("email")}
            />
            <TextField
              label={texts.password}
              type="password"
              autoComplete="new-password"
              hint={texts.passwordHint}
              value={user.password}
              onChange={set("password")}
              error={errorOf("password")}
            />
            <SelectField
              label={texts.role}
              value={user.role}
              options={roles}
              disabled={!may("user:manage_roles")}
              hint={may("user:manage_roles") ? undefined : texts.roleNeeds}
              onChange={set("role")}
              error={errorOf("role")}
            />
          </>
        )}
      </Form>
    </Dialog>
  );
}
