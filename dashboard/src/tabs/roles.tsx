// Roles of the database: made, changed and deleted here, live on all gateways.

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { call } from "../api/client";
import type { Role } from "../api/types";
import { Badge } from "../parts/badge";
import { Button } from "../parts/button";
import { Confirm, Dialog, Form } from "../parts/dialog";
import { TextField } from "../parts/field";
import { Empty } from "../parts/states";
import { Table } from "../parts/table";
import { permissions } from "../tables";
import type { Permission } from "../tables";
import { texts } from "../texts";

const PATH = "/api/admin/roles";

const pathOf = ({ name }: Role) => `${PATH}/${encodeURIComponent(name)}`;

export function CustomRoles({ roles }: { roles: Role[] }) {
  const client = useQueryClient();
  const [edited, setEdited] = useState<Role | "new" | null>(null);
  const [doomed, setDoomed] = useState<Role | null>(null);
  const custom = roles.filter((role) => role.custom);
  const changed = () => client.invalidateQueries({ queryKey: [PATH] });

  return (
    <>
      <div className="mb-3 flex flex-wrap items-center justify-between gap-2">
        <p className="text-muted">{texts.customRolesText}</p>
        <Button look="primary" onClick={() => setEdited("new")}>
          {texts.newRole}
        </Button>
      </div>
      {custom.length === 0 ? (
        <Empty>{texts.noCustomRoles}</Empty>
      ) : (
        <Table
          caption={texts.customRoles}
          rows={custom}
          keyOf={({ name }) => name}
          columns={[
            { head: texts.name, cell: ({ name }) => <code>{name}</code> },
            {
              head: texts.grants,
              cell: (role) => (
                <span className="flex flex-wrap gap-1">
                  {role.permissions.map((name) => (
                    <Badge key={name} tone="accent">
                      {name}
                    </Badge>
                  ))}
                </span>
              ),
            },
            {
              head: texts.changes,
              cell: (role) => (
                <span className="flex gap-1">
                  <Button
                    aria-label={texts.editRole(role.name)}
                    onClick={() => setEdited(role)}
                  >
                    {texts.edit}
                  </Button>
                  <Button
                    look="danger"
                    aria-label={texts.deleteRole(role.name)}
                    onClick={() => setDoomed(role)}
                  >
                    {texts.remove}
                  </Button>
                </span>
              ),
            },
          ]}
        />
      )}
      {edited && (
        <RoleDialog
          role={edited === "new" ? null : edited}
          onDone={changed}
          onClose={() => setEdited(null)}
        />
      )}
      {doomed && (
        <Confirm
          title={texts.deleteRole(doomed.name)}
          text={texts.deleteRoleText}
          name={doomed.name}
          action={texts.remove}
          onConfirm={async () => {
            await call("DELETE", pathOf(doomed));
            await changed();
          }}
          onClose={() => setDoomed(null)}
        />
      )}
    </>
  );
}

function RoleDialog({ role, onDone, onClose }: {
  role: Role | null;
  onDone: () => Promise<unknown>;
  onClose: () => void;
}) {
  const [name, setName] = useState("");
  const [held, setHeld] = useState<Permission[]>(role?.permissions ?? []);

  async function send() {
    const body = { permissions: held };
    await (role
      ? call("PUT", pathOf(role), { body })
      : call("POST", PATH, { body: { name, ...body } }));
    await onDone();
  }

  return (
    <Dialog
      wide
      title={role ? texts.editRole(role.name) : texts.newRole}
      onClose={onClose}
    >
      <Form
        submit={role ? texts.save : texts.create}
        onSubmit={send}
        onDone={onClose}
      >
        {(errorOf) => (
          <>
            {!role && (
              <TextField
                label={texts.name}
                autoComplete="off"
                autoFocus
                value={name}
                onChange={setName}
                error={errorOf("name")}
              />
            )}
            <fieldset className="grid gap-1 sm:grid-cols-2">
              <legend className="mb-1 font-medium">{texts.grants}</legend>
              {permissions.map((permission) => (
                <label key={permission.name} className="flex items-start gap-2">
                  <input
                    type="checkbox"
                    checked={held.includes(permission.name)}
                    onChange={({ target }) =>
                      setHeld(
                        target.checked
                          ? [...held, permission.name]
                          : held.filter((one) => one !== permission.name),
                      )
                    }
                  />
                  <span className="min-w-0">
                    <code>{permission.name}</code>
                    <span className="block text-xs text-muted">
                      {permission.description}
                    </span>
                  </span>
                </label>
              ))}
            </fieldset>
            {errorOf("permissions") && (
              <p className="text-xs text-bad">{errorOf("permissions")}</p>
            )}
          </>
        )}
      </Form>
    </Dialog>
  );
}
