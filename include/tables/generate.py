#!/usr/bin/python3
"""Generates from include/tables/*.def, through the C preprocessor, what says
the same in other languages: SQL functions, the worker's table of tasks and the
tables of the README.

generate.py           writes the files
generate.py --check   names those that are not current, exit code 1
"""

import ast
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]

# table: (its macro, its parameters; a parameter with # stands as a name there),
# and the file it stands in if that is another's
TABLES = {
    "permissions": ("PERMISSION", "#id name category description"),
    "problems": ("PROBLEM", "#id status slug title detail"),
    "actions": ("ACTION", "#id name #scope resource_type description"),
    "endpoints": ("ENDPOINT",
                  "#method path #access #permission #action #serve function"),
    "metrics": ("METRIC", "#id name labels #type help"),
    "tasks": ("TASK", "name full_name queue description"),
    "kwargs": ("KWARG", "owner name #type #need minimum maximum choices",
               "tasks"),
    "fields": ("FIELD", "owner name #type #need minimum maximum choices",
               "tasks"),
    "histograms": ("HISTOGRAM", "#id name labels help"),
    "backend_metrics": ("BACKEND_METRIC", "#id name labels #type help"),
}


def read(table):
    """The rows of a table, as dictionaries."""
    macro, words, *file = TABLES[table]
    words = words.split()
    names = [word.lstrip("#") for word in words]
    source = (f"#define {macro}({', '.join(names)}) [{', '.join(words)}],\n"
              f'#include "{(file or [table])[0]}.def"\n')
    compiler = os.environ.get("CC", "cc")
    text = subprocess.run(
        [compiler, "-E", "-P", "-I", str(ROOT / "include/tables"), "-"],
        input=source, capture_output=True, text=True, check=True).stdout
    # a list of C literals is one of Python's, too
    return [dict(zip(names, row)) for row in ast.literal_eval(f"[{text}]")]


def literal(value):
    return "'" + value.replace("'", "''") + "'"


def sql_function(table, columns, rows):
    values = ",\n".join(
        "        (" + ", ".join(literal(row[column]) for column in columns) + ")"
        for row in rows)
    result = ", ".join(f"{column} text" for column in columns)
    return f"""
create or replace function private.{table}()
returns table({result})
language plpgsql immutable parallel safe rows 30
set search_path = pg_catalog, pg_temp
as $$
begin
    -- in PL/pgSQL, which keeps the plan of it
    return query values
{values};
end
$$;
"""


def sql_arguments():
    """The arguments of tasks, and the members of those that are objects."""
    def row(argument, task, parent):
        choices = argument["choices"].split("|") if argument["choices"] else []
        return ", ".join([
            literal(task), literal(parent), literal(argument["name"]),
            literal(argument["type"].lower()),
            "true" if argument["need"] == "REQUIRED" else "false",
            f'{argument["minimum"]}::bigint', f'{argument["maximum"]}::bigint',
            "array[" + ", ".join(map(literal, choices)) + "]::text[]"])

    kwargs = read("kwargs")
    rows = [row(kwarg, kwarg["owner"], "") for kwarg in kwargs]
    rows += [row(field, kwarg["owner"], kwarg["name"]) for kwarg in kwargs
             for field in read("fields") if field["owner"] == kwarg["name"]]
    values = ",\n".join(f"        ({row})" for row in rows)
    return f"""
create or replace function private.task_arguments()
returns table(
    task text, parent text, name text, type text, required boolean,
    minimum bigint, maximum bigint, choices text[]
)
language plpgsql immutable parallel safe rows 30
set search_path = pg_catalog, pg_temp
as $$
begin
    -- in PL/pgSQL, which keeps the plan of it
    return query values
{values};
end
$$;
"""


def python():
    """The worker's table of tasks."""
    lines = ['"""The tasks, as the gateway knows them.',
             "",
             "Generated from include/tables/tasks.def by `make generate`: do not edit.",
             '"""',
             "",
             "# short name: Celery's name, queue, and the schema of the arguments",
             "TASKS = {"]
    for task in read("tasks"):
        lines += [f'    "{task["name"]}": {{',
                  f'        "name": "{task["full_name"]}",',
                  f'        "queue": "{task["queue"]}",',
                  '        "kwargs": {']
        for kwarg in read("kwargs"):
            if kwarg["owner"] == task["name"]:
                schema = {"type": kwarg["type"].lower(),
                          "required": kwarg["need"] == "REQUIRED"}
                if kwarg["type"].startswith("INTEGER"):
                    schema["minimum"] = kwarg["minimum"]
                if kwarg["maximum"]:
                    schema["maximum"] = kwarg["maximum"]
                if kwarg["choices"]:
                    schema["choices"] = kwarg["choices"].split("|")
                lines += [f'            "{kwarg["name"]}": {{']
                lines += [f'                "{name}": {value!r},'.replace("'", '"')
                          for name, value in schema.items()]
                lines += ["            },"]
        lines += ["        },", "    },"]
    return "\n".join(lines + ["}", ""])


def sql():
    actions = [dict(row, scope=row["scope"].lower()) for row in read("actions")]
    return ("-- Generated from include/tables by `make generate`: do not edit.\n"
            + sql_function("actions",
                           ["name", "scope", "resource_type", "description"],
                           actions)
            + sql_function("permissions", ["name", "category", "description"],
                           read("permissions"))
            + sql_function("tasks",
                           ["name", "full_name", "queue", "description"],
                           read("tasks"))
            + sql_arguments())


def typescript():
    """What the dashboard knows of permissions, actions and tasks."""
    def constant(name, singular, rows):
        lines = "".join(f"  {json.dumps(row)},\n" for row in rows)
        return (f"\nexport const {name} = [\n{lines}] as const;\n\n"
                f"export type {singular} = (typeof {name})[number][\"name\"];\n")

    def chosen(table, *columns):
        return [{column: row[column] for column in columns}
                for row in read(table)]

    def kwargs(task):
        return [{"name": row["name"], "type": row["type"],
                 "required": row["need"] == "REQUIRED",
                 "choices": row["choices"].split("|") if row["choices"] else []}
                for row in read("kwargs") if row["owner"] == task["name"]]

    tasks = [dict(task, kwargs=kwargs(task))
             for task in chosen("tasks", "name", "queue", "description")]
    return ("// Generated from include/tables by `make generate`: do not edit.\n"
            + constant("permissions", "Permission",
                       chosen("permissions", "name", "category", "description"))
            + constant("actions", "Action",
                       chosen("actions", "name", "resource_type", "description"))
            + constant("tasks", "Task", tasks)
            + "\nexport const queues = [...new Set(tasks.map(({ queue }) => queue))];\n")


def description():
    """What the API's description takes from the tables."""
    names = {row["id"]: row["name"] for row in read("permissions")}
    version = re.search(r'NGX_LEADGEN_VERSION +"([^"]+)"',
                        (ROOT / "include/ngx_leadgen.h").read_text())[1]
    tables = {
        "version": version,
        "permissions": [{"name": name} for name in names.values()],
        "actions": [{"name": row["name"]} for row in read("actions")],
        "problems": [{name: row[name]
                      for name in ("slug", "status", "title", "detail")}
                     for row in read("problems") if row["id"] != "NONE"],
        "tasks": [{"name": row["name"]} for row in read("tasks")],
        "queues": sorted({row["queue"] for row in read("tasks")}),
        "endpoints": [{"method": row["method"], "path": row["path"],
                       "access": row["access"],
                       "permission": names.get(row["permission"])}
                      for row in read("endpoints")],
    }
    return json.dumps(tables, indent=1) + "\n"


def markdown(heads, rows):
    def line(cells):
        return "| " + " | ".join(str(cell).replace("|", "\\|")
                                 for cell in cells) + " |"

    return "\n".join([line(heads), "|" + " --- |" * len(heads)]
                     + [line(row) for row in rows])


def readme_permissions():
    return markdown(
        ["permission", "allows to"],
        [(f"`{row['name']}`", row["description"][:1].lower()
          + row["description"][1:]) for row in read("permissions")])


def readme_actions():
    return markdown(
        ["action", "resource", "says that"],
        [(f"`{row['name']}`", row["resource_type"] or "the route's",
          row["description"]) for row in read("actions")])


def readme_problems():
    return markdown(
        ["status", "type", "title", "what to do"],
        [(row["status"], f"`{row['slug']}`", row["title"], row["detail"])
         for row in read("problems") if row["id"] != "NONE"])


def readme_endpoints():
    permissions = {row["id"]: row["name"] for row in read("permissions")}

    def needs(row):
        if row["access"] == "GRANTED":
            return f"`{permissions[row['permission']]}`"
        return {"PUBLIC": "nothing", "AUTHENTICATED": "a token"}[row["access"]]

    return markdown(
        ["call", "needs"],
        [(f"`{row['method']} {row['path']}`", needs(row))
         for row in read("endpoints")])


def readme_metrics():
    """One line a name: the rows of all three tables, and what has none."""
    rows = ([{"name": "build_info", "labels": 'version="",nginx=""',
              "type": "GAUGE",
              "help": "The module's version and nginx's, always 1"},
             {"name": "ready", "labels": "", "type": "GAUGE",
              "help": "Whether the gateway should be sent requests"},
             {"name": "service_up", "labels": 'service=""', "type": "GAUGE",
              "help": "Whether a service answered when it was last asked"},
             {"name": "service_latency_seconds", "labels": 'service=""',
              "type": "GAUGE", "help": "How long its answer took"}]
            + [dict(row, labels='worker=""' if row["type"] == "WORKER"
                    else row["labels"]) for row in read("metrics")]
            + [dict(row, type="HISTOGRAM") for row in read("histograms")]
            + [dict(row, labels=f'backend="",{row["labels"]}'.rstrip(","))
               for row in read("backend_metrics")]
            + [{"name": "call_duration_seconds", "labels": 'backend=""',
                "type": "HISTOGRAM",
                "help": "Calls to a backend, from being asked for to their end"
                }])
    merged = {}
    for row in rows:
        found = merged.setdefault(row["name"], dict(row, values={}))
        for name, value in re.findall(r'(\w+)="(.*?)"', row["labels"]):
            values = found["values"].setdefault(name, [])
            if value and value not in values:
                values.append(value)

    def labels(values):
        return ", ".join(f"{name}: {' '.join(words)}" if words else name
                         for name, words in values.items())

    def kind(row):
        return row["type"].lower() if row["type"] in ("COUNTER", "HISTOGRAM") \
            else "gauge"

    return markdown(
        ["metric", "labels", "type", "tells"],
        [(f"`nginx_leadgen_{name}`", labels(row["values"]), kind(row),
          row["help"]) for name, row in merged.items()])


def readme_tasks():
    kwargs = read("kwargs")

    def shown(kwarg):
        return f"`{kwarg['name']}`" + ("" if kwarg["need"] == "REQUIRED"
                                       else "?")

    return markdown(
        ["task", "queue", "kwargs", "does"],
        [(f"`{row['name']}`", row["queue"],
          " ".join(shown(kwarg) for kwarg in kwargs
                   if kwarg["owner"] == row["name"]),
          row["description"]) for row in read("tasks")])


def readme(text):
    """The README with what stands between its markers made anew."""
    for table in TABLES:
        if f"readme_{table}" not in globals():
            continue
        begin, end = f"<!-- generated: {table} -->", "<!-- /generated -->"
        if begin not in text:
            sys.exit(f"README.md: the marker {begin} is missing")
        content = globals()[f"readme_{table}"]()
        text = re.sub(f"{re.escape(begin)}.*?{re.escape(end)}",
                      lambda _: f"{begin}\n{content}\n{end}", text, count=1,
                      flags=re.S)
    return text


def main():
    path = ROOT / "README.md"
    files = {ROOT / "sql/functions/tables.sql": sql(),
             ROOT / "worker/app/core/task_table.py": python(),
             ROOT / "dashboard/openapi/tables.json": description(),
             ROOT / "dashboard/src/tables.ts": typescript()}
    if path.exists():
        files[path] = readme(path.read_text())

    stale = []
    for path, text in files.items():
        if path.exists() and path.read_text() == text:
            continue
        stale.append(str(path.relative_to(ROOT)))
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    if "--check" in sys.argv and stale:
        sys.exit(", ".join(stale) + ": not current, run `make generate`")


if __name__ == "__main__":
    main()
