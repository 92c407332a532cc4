import { useState } from "react";
import { useLive } from "../api/live";
import { useSession } from "../api/session";
import type { Role, Roles, Route, Routes, Settings as Configured } from "../api/types";
import { Badge } from "../parts/badge";
import { TextField } from "../parts/field";
import { Page } from "../parts/page";
import { Answered, Empty, Forbidden, Loading } from "../parts/states";
import { Table } from "../parts/table";
import { texts } from "../texts";
import { Differences } from "./differences";
import { CustomRoles } from "./roles";

/** What the configuration says; it is changed in nginx's files. */
export function Settings() {
  const configured = useLive<Configured>("/api/admin/settings", 300_000);
  const routes = useLive<Routes>("/api/admin/routes", 300_000);
  const { may } = useSession();
  const seesRoles = may("user:read");
  const roles = useLive<Roles>("/api/admin/roles", 300_000, {
    enabled: seesRoles,
  });

  // what is shown before the long table would be pushed down by it
  if (routes.isPending) {
    return (
      <Page title={texts.settings}>
        <Loading />
      </Page>
    );
  }
  return (
    <Page title={texts.settings}>
      <p className="mb-4 text-muted">{texts.readOnly}</p>
      <section className="mb-6">
        <h2 className="mb-2 text-base font-semibold">{texts.routes}</h2>
        <Answered query={routes}>
          {(answer) => <RouteTable routes={answer.routes} />}
        </Answered>
        {configured.data && <OpenLocations settings={configured.data.settings} />}
      </section>
      {may("system:audit") && <Differences />}
      {may("user:manage_roles") && roles.data && (
        <section className="mb-6">
          <h2 className="mb-2 text-base font-semibold">{texts.customRoles}</h2>
          <CustomRoles roles={roles.data.roles} />
        </section>
      )}
      <section className="mb-6">
        <h2 className="mb-2 text-base font-semibold">{texts.rolesAndGrants}</h2>
        {seesRoles ? (
          <Answered query={roles}>
            {(answer) => <Matrix {...answer} />}
          </Answered>
        ) : (
          <Forbidden permission="user:read" />
        )}
      </section>
      <section>
        <h2 className="mb-2 text-base font-semibold">{texts.directives}</h2>
        <Answered query={configured}>
          {(answer) => <Directives {...answer} />}
        </Answered>
      </section>
    </Page>
  );
}

function RouteTable({ routes }: { routes: Route[] }) {
  const [text, setText] = useState("");
  const found = routes.filter((route) =>
    JSON.stringify(route).toLowerCase().includes(text.toLowerCase()),
  );

  return (
    <>
      <div className="mb-3 max-w-sm">
        <TextField
          label={texts.searchRoutes}
          type="search"
          value={text}
          onChange={setText}
        />
      </div>
      {found.length === 0 ? (
        <Empty>{texts.noRoutes}</Empty>
      ) : (
        <Table
          caption={texts.routes}
          rows={found}
          keyOf={({ methods, path, line }) => `${methods.join()} ${path} ${line}`}
          columns={[
            {
              head: texts.methods,
              cell: ({ methods }) => methods.join(" "),
            },
            {
              head: texts.path,
              cell: ({ path }) => <code className="break-all">{path}</code>,
            },
            { head: texts.needs, cell: (route) => <Needs route={route} /> },
            { head: texts.recordedAs, cell: ({ audit }) => audit ?? "–" },
            {
              head: texts.configuredIn,
              cell: Place,
              wide: true,
            },
          ]}
        />
      )}
    </>
  );
}

/** What has no policy at all, with the reason its directive names. */
function OpenLocations({ settings }: Pick<Configured, "settings">) {
  const open = settings.filter(({ directive }) => directive === "leadgen_public");

  return open.length === 0 ? null : (
    <div className="mt-4">
      <Table
        caption={texts.openLocations}
        rows={open}
        keyOf={({ file, line }) => `${file}:${line}`}
        columns={[
          { head: texts.openLocations, cell: ({ arguments: words }) => words },
          { head: texts.configuredIn, cell: Place },
        ]}
      />
    </div>
  );
}

function Place({ file, line }: { file: string; line: number }) {
  return (
    <span title={`${file}:${line}`} className="text-xs whitespace-nowrap text-muted">
      {file.split("/").slice(-2).join("/")}:{line}
    </span>
  );
}

function Directives({ version, nginx, settings }: Configured) {
  return (
    <>
      <p className="mb-2 text-muted">{texts.versions(version, nginx)}</p>
      <Table
        caption={texts.directives}
        rows={settings}
        keyOf={({ directive, arguments: words, file, line }) =>
          `${file}:${line} ${directive} ${words}`
        }
        columns={[
          {
            head: texts.directive,
            cell: ({ directive }) => <code>{directive}</code>,
          },
          {
            head: texts.value,
            cell: ({ arguments: words }) => (
              <code className="break-all">{words || "–"}</code>
            ),
          },
          { head: texts.configuredIn, cell: Place, wide: true },
        ]}
      />
    </>
  );
}

function Needs({ route }: { route: Route }) {
  if (route.access === "public") {
    return <Badge tone="warn">{texts.public}</Badge>;
  }
  if (route.access === "authenticated") {
    return <Badge>{texts.anyToken}</Badge>;
  }
  return (
    <span className="flex flex-wrap gap-1">
      {route.permissions.map((name) => (
        <Badge key={name} tone="accent">
          {name}
        </Badge>
      ))}
      {route.roles.map((name) => (
        <Badge key={name}>
          {texts.role} {name}
        </Badge>
      ))}
    </span>
  );
}

function Matrix({ roles, permissions }: Roles) {
  return (
    <Table
      caption={texts.rolesAndGrants}
      rows={permissions}
      keyOf={({ name }) => name}
      columns={[
        {
          head: texts.permission,
          cell: ({ name, description }) => (
            <>
              <code>{name}</code>
              <span className="block text-xs text-muted">{description}</span>
            </>
          ),
        },
        ...roles.map((role: Role) => ({
          head: role.name,
          cell: ({ name }: { name: string }) =>
            role.permissions.some((held) => held === name) ? (
              <span className="text-good">{texts.yes}</span>
            ) : (
              <span className="text-muted">{texts.no}</span>
            ),
        })),
      ]}
    />
  );
}
