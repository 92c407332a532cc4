// What each call takes and answers, by method and path as in endpoints.def.
// Who may call it, and the problems it can have, are added from the tables.

import { list, object, page, parts, ref } from "./schemas.js";

const { count, email, password, text, time, uuid } = parts;

const query = (name, schema, description) => ({
  name, in: "query", schema, description,
});

const PAGING = [
  query("limit", { type: "integer", minimum: 1, maximum: 200, default: 50 }, "How many."),
  query("cursor", text, "The next_cursor of the page before."),
];

const PERIOD = [
  query("from", time, "Not before."),
  query("to", time, "Before."),
];

const AUDIT_FILTERS = [
  query("action", ref("Action"), "Only this action."),
  query("user_id", { type: "integer" }, "Only of this user."),
  query("user_email", text, "Only of this e-mail address."),
  query("resource_type", text, "Only of this kind of thing."),
  query("resource_id", text, "Only of this thing."),
  query("success", { type: "boolean" }, "Only what succeeded, or what failed."),
  query("ip_address", text, "Only from this address or network (CIDR)."),
  ...PERIOD,
  query("q", text, "Only with this text in it."),
];

const IDEMPOTENCY = {
  name: "Idempotency-Key", in: "header", schema: { ...text, maxLength: 255 },
  description: "What comes again under the same key is done once.",
};

const said = (most) => ({ type: "string", minLength: 1, maxLength: most });

const session = { tag: "Authentication" };
const users = { tag: "Users" };
const audit = { tag: "Audit log" };
const policy = { tag: "Policy" };
const errors = { tag: "Errors" };
const jobs = { tag: "Jobs" };
const health = { tag: "Health", apart: true };
const mail = {
  tag: "Mail",
  apart: true,
  params: { token: "Signed by who sent the mail." },
};

export const tags = [
  ["Authentication", "Logging in, tokens, passwords."],
  ["Users", "Who may log in, and in which role."],
  ["Policy", "Roles, permissions, routes."],
  ["Audit log", "Who did what."],
  ["Errors", "What Sentry is told."],
  ["Jobs", "Background jobs, run by Celery workers."],
  ["Mail", "What campaigns' mails show and lead to; needs no token of a user."],
  ["Health", "For load balancers, Kubernetes and Prometheus, without a token; for people, all gateways."],
];

export const calls = {
  "POST /api/auth/login": {
    ...session,
    summary: "Log in",
    description:
      "With `cookie` the tokens are kept in cookies and are not in the reply.",
    body: object({ email, password: text, cookie: { type: "boolean" } }, ["cookie"]),
    example: { email: "ann@example.com", password: "correct horse battery" },
    replies: { 200: ref("Tokens") },
    throttled: true,
  },
  "POST /api/auth/refresh": {
    ...session,
    summary: "Spend a refresh token for a new pair",
    description: "Without a field the token is taken from the cookie.",
    body: object({ refresh_token: text }, ["refresh_token"]),
    example: { refresh_token: "q7Zx…" },
    replies: { 200: ref("Tokens") },
    unauthenticated: true,
  },
  "POST /api/auth/logout": {
    ...session,
    summary: "Log out",
    body: object({ everywhere: { type: "boolean" } }, ["everywhere"]),
    bodyOptional: true,
    example: {},
    replies: { 204: null },
  },
  "POST /api/auth/password": {
    ...session,
    summary: "Change one's own password",
    description: "All other sessions end; this one goes on with the new tokens.",
    body: object({ current_password: text, new_password: password }),
    example: { current_password: "correct horse", new_password: "battery staple" },
    replies: { 200: ref("Tokens") },
    throttled: true,
  },
  "POST /api/auth/password-reset": {
    ...session,
    summary: "Have a link for a new password mailed",
    body: object({ email }),
    example: { email: "ann@example.com" },
    replies: { 202: null },
    throttled: true,
  },
  "POST /api/auth/password-reset/confirm": {
    ...session,
    summary: "Set a new password with the token of a mail",
    body: object({ token: text, password }),
    example: { token: "Y0hu…", password: "battery staple" },
    replies: { 204: null },
    unauthenticated: true,
    throttled: true,
  },
  "GET /api/auth/me": {
    ...session,
    summary: "Who am I?",
    replies: { 200: ref("User") },
  },
  "GET /api/admin/permissions/me": {
    ...policy,
    summary: "What may I do?",
    replies: {
      200: object({
        user_id: { type: "integer" },
        email: text,
        role: text,
        permissions: list(ref("Permission")),
      }),
    },
  },
  "GET /api/admin/roles": {
    ...policy,
    summary: "Roles and permissions",
    replies: {
      200: {
        type: "object",
        properties: {
          roles: list(ref("Role")),
          permissions: list(object({
            name: ref("Permission"), category: text, description: text,
          })),
        },
        required: ["roles", "permissions"],
      },
    },
  },
  "POST /api/admin/roles": {
    ...policy,
    summary: "Make a role",
    body: object({ name: text, permissions: list(ref("Permission")) }),
    example: { name: "exporter", permissions: ["lead:read", "lead:export"] },
    replies: { 201: ref("Role") },
    conflict: true,
  },
  "PUT /api/admin/roles/:name": {
    ...policy,
    summary: "Give a role other permissions",
    body: object({ permissions: list(ref("Permission")) }),
    example: { permissions: ["lead:read"] },
    replies: { 200: ref("Role") },
    conflict: true,
  },
  "DELETE /api/admin/roles/:name": {
    ...policy,
    summary: "Delete a role that nobody has",
    replies: { 204: null },
    conflict: true,
  },
  "GET /api/admin/decisions/:request_id": {
    ...policy,
    summary: "Why a request was let through, or not",
    replies: { 200: { type: "object" } },
  },
  "POST /api/admin/policy/check": {
    ...policy,
    summary: "What would become of a request",
    body: object(
      {
        method: text,
        path: text,
        role: text,
        user_id: { type: "integer" },
        ip_address: text,
      },
      ["role", "user_id", "ip_address"],
    ),
    example: { method: "GET", path: "/api/leads/export", role: "user" },
    unknown: true,
    replies: { 200: { type: "object" } },
  },
  "GET /api/admin/policy/differences": {
    ...policy,
    summary: "What shadow policies would change, what was seen last first",
    query: [...PERIOD, ...PAGING],
    replies: { 200: page(ref("Difference")) },
  },
  "POST /api/admin/errors": {
    ...errors,
    summary: "Tell Sentry of an error of the application",
    description:
      "A message, an exception or both. What looks like a secret is left out, as of the gateway's own errors. " +
      "`sentry-trace` or `traceparent` say which trace it belongs to. 503 where `leadgen_sentry` is off, and, with " +
      "`Retry-After`, while Sentry or its queue takes nothing.",
    body: object(
      {
        message: said(2048),
        level: { type: "string", enum: ["fatal", "error", "warning", "info", "debug"], default: "error" },
        platform: { ...text, default: "other", examples: ["python"] },
        exception: object(
          {
            type: said(200),
            value: said(2048),
            frames: {
              ...list(
                object(
                  {
                    filename: said(200),
                    function: said(200),
                    module: said(200),
                    lineno: { type: "integer", minimum: 1 },
                    in_app: { type: "boolean", default: true },
                  },
                  ["filename", "function", "module", "lineno", "in_app"],
                ),
              ),
              maxItems: 100,
              description: "The innermost call last.",
            },
          },
          ["value", "frames"],
        ),
        transaction: said(200),
        user_id: { type: "integer", minimum: 1 },
        fingerprint: { ...list(said(200)), minItems: 1, maxItems: 3 },
        tags: { type: "object", additionalProperties: said(200), maxProperties: 32 },
        contexts: {
          type: "object",
          additionalProperties: { type: "object", additionalProperties: said(200), maxProperties: 32 },
          maxProperties: 8,
        },
      },
      [
        "message", "level", "platform", "exception", "transaction", "user_id", "fingerprint", "tags",
        "contexts",
      ],
    ),
    example: {
      level: "error",
      platform: "python",
      exception: {
        type: "ValueError",
        value: "no such currency",
        frames: [{ filename: "app/prices.py", function: "convert", lineno: 41 }],
      },
      tags: { shop: "eu-1" },
    },
    away: ["sentry-off", "busy"],
    replies: {
      202: object({ id: { type: "string", pattern: "^[0-9a-f]{32}$", description: "Of the event at Sentry." } }),
    },
  },
  "GET /api/admin/gateways": {
    tag: "Health",
    summary: "The gateways that share this database, as each last said of itself",
    replies: { 200: object({ gateways: list(ref("Gateway")) }) },
  },
  "GET /api/admin/settings": {
    ...policy,
    summary: "The module's directives as they stand in the configuration",
    description: "Without secrets: of those is told where they are read from, else “[not shown]”.",
    replies: {
      200: object({
        version: text,
        nginx: text,
        settings: list(object({ directive: text, arguments: text, file: text, line: count })),
      }),
    },
  },
  "GET /api/admin/routes": {
    ...policy,
    summary: "The routes of all policies, and who may take them",
    replies: { 200: object({ routes: list(ref("Route")) }) },
  },
  "GET /api/admin/users": {
    ...users,
    summary: "Users, newest first",
    query: [
      query("role", text, "Only of this role."),
      query("is_active", { type: "boolean" }, "Only active, or inactive."),
      query("q", text, "Part of the e-mail address or name."),
      ...PAGING,
    ],
    replies: { 200: page(ref("User")) },
  },
  "POST /api/admin/users": {
    ...users,
    summary: "Make a user",
    body: object(
      { email, name: { type: "string", minLength: 1, maxLength: 200 }, password, role: text },
      ["role"],
    ),
    example: {
      email: "ann@example.com", name: "Ann", password: "battery staple", role: "user",
    },
    replies: { 201: ref("User") },
    conflict: true,
  },
  "GET /api/admin/users/:id": {
    ...users,
    summary: "A user",
    replies: { 200: ref("User") },
  },
  "PUT /api/admin/users/:id": {
    ...users,
    summary: "Change a user",
    body: object(
      {
        email,
        name: { type: "string", minLength: 1, maxLength: 200 },
        password,
        role: text,
        is_active: { type: "boolean" },
        reason: { ...text, description: "Is kept in the audit log.", maxLength: 500 },
      },
      ["email", "name", "password", "role", "is_active", "reason"],
    ),
    example: { role: "manager", reason: "Leads the team now" },
    replies: { 200: ref("User") },
    conflict: true,
  },
  "DELETE /api/admin/users/:id": {
    ...users,
    summary: "Delete a user",
    replies: { 204: null },
    conflict: true,
  },
  "GET /api/admin/users/:id/sessions": {
    ...users,
    summary: "Where a user is logged in",
    replies: { 200: page(ref("Session")) },
  },
  "DELETE /api/admin/users/:id/sessions": {
    ...users,
    summary: "Log a user out everywhere",
    replies: { 204: null },
  },
  "GET /api/admin/audit-logs": {
    ...audit,
    summary: "Events, newest first",
    description:
      "With `Accept: text/csv` or `application/x-ndjson` the whole filtered set is streamed.",
    query: [...AUDIT_FILTERS, ...PAGING],
    replies: { 200: page(ref("Event")) },
    streams: ["text/csv", "application/x-ndjson"],
  },
  "POST /api/admin/audit-logs": {
    ...audit,
    summary: "Report an event of an application",
    description:
      "A report that comes again, with the same id or Idempotency-Key, is answered as it was the first time.",
    headers: [IDEMPOTENCY],
    body: object(
      {
        action: ref("Action"),
        id: { ...uuid, description: "Of the report." },
        user_id: { type: "integer", minimum: 1 },
        user_email: { ...text, maxLength: 254 },
        resource_type: { ...text, maxLength: 63 },
        resource_id: { ...text, maxLength: 255 },
        details: { type: "object" },
        ip_address: text,
        user_agent: { ...text, maxLength: 512 },
        success: { type: "boolean" },
        error_message: { ...text, maxLength: 512 },
      },
      [
        "id", "user_id", "user_email", "resource_type", "resource_id", "details",
        "ip_address", "user_agent", "success", "error_message",
      ],
    ),
    example: { action: "system_backup", details: { bytes: 1048576 } },
    replies: { 201: ref("Event") },
    conflict: true,
  },
  "GET /api/admin/audit-logs/newer": {
    ...audit,
    summary: "How many events came after one",
    description: "For who asks again and again. Reads of the log are not counted.",
    query: [
      ...AUDIT_FILTERS,
      query("after", uuid, "The first event of the list; without it all are new."),
    ],
    replies: { 200: object({ count, more: { type: "boolean" } }) },
  },
  "GET /api/admin/audit-logs/stats": {
    ...audit,
    summary: "How much happened",
    query: [
      ...PERIOD,
      query("interval", { type: "string", enum: ["hour", "day"] }, "Of the series."),
    ],
    replies: { 200: ref("AuditStats") },
  },
  "GET /api/admin/audit-logs/verify": {
    ...audit,
    summary: "Has anybody changed the log?",
    description:
      "Goes through the chain of keyed hashes as far as one answer covers, and names the first row that is not as it was sealed.",
    query: [...PERIOD, query("cursor", text, "The next_cursor of the answer before.")],
    replies: {
      200: {
        type: "object",
        properties: {
          valid: { type: "boolean" },
          checked: count,
          first_bad: { type: ["object", "null"] },
          next_cursor: { type: ["string", "null"] },
        },
        required: ["valid", "checked"],
      },
    },
  },
  "GET /api/jobs": {
    ...jobs,
    summary: "Jobs, newest first",
    query: [
      query("task", ref("Task"), "Only of this task."),
      query("queue", ref("Queue"), "Only of this queue."),
      query("status", text, "Only in this state."),
      ...PAGING,
    ],
    replies: { 200: page(ref("Job")) },
  },
  "POST /api/jobs": {
    ...jobs,
    summary: "Have a job done",
    description: "The arguments of each task are in the form of the dashboard.",
    headers: [IDEMPOTENCY],
    body: object(
      {
        task: ref("Task"),
        kwargs: { type: "object" },
        queue: ref("Queue"),
        priority: { enum: [0, 3, 6, 9], description: "0 comes first." },
        eta: time,
        countdown: { ...count, description: "Seconds, instead of eta." },
        expires: time,
      },
      ["kwargs", "queue", "priority", "eta", "countdown", "expires"],
    ),
    example: { task: "calculate_daily_metrics", kwargs: { days: 7 } },
    replies: {
      202: object({
        id: uuid, task: text, queue: text, eta: parts.nullable(time),
      }),
    },
  },
  "GET /api/jobs/queues": {
    ...jobs,
    summary: "What waits in each queue",
    replies: { 200: object({ queues: list({ type: "object", required: ["name", "waiting"] }) }) },
  },
  "GET /api/jobs/workers": {
    ...jobs,
    summary: "The Celery workers that live",
    replies: {
      200: object({ workers: list({ type: "object", required: ["hostname", "status"] }) }),
    },
  },
  "GET /api/jobs/schedule": {
    ...jobs,
    summary: "What beat asks for by itself, and when",
    replies: { 200: object({ schedule: list(ref("ScheduleEntry")) }) },
  },
  "GET /api/jobs/:id": {
    ...jobs,
    summary: "A job",
    replies: { 200: ref("Job") },
  },
  "DELETE /api/jobs/:id": {
    ...jobs,
    summary: "Revoke a job",
    query: [query("terminate", { type: "boolean" }, "End it although it runs.")],
    replies: { 202: ref("Job"), 204: null },
    conflict: true,
  },
  "POST /api/jobs/:id/retry": {
    ...jobs,
    summary: "Have a job run again",
    replies: { 202: ref("Job") },
    conflict: true,
  },
  "GET /api/health": {
    ...health,
    summary: "Is it there?",
    replies: {
      200: object({ status: { const: "healthy" }, timestamp: time, service: text }),
    },
  },
  "GET /api/health/detailed": {
    ...health,
    summary: "How are it and what it needs?",
    replies: { 200: ref("Health"), 503: ref("Health") },
  },
  "GET /api/health/readiness": {
    ...health,
    summary: "Should it be sent requests?",
    description: "With `?verbose` all checks are listed, not only those that fail.",
    replies: { 200: ref("Readiness"), 503: ref("Readiness") },
  },
  "GET /api/health/readiness/:check": {
    ...health,
    summary: "One check, or one service",
    replies: { 200: ref("Readiness"), 503: ref("Readiness") },
  },
  "GET /api/health/liveness": {
    ...health,
    summary: "Does it live?",
    replies: { 200: object({ status: { const: "alive" } }) },
  },
  "GET /t/o/:token.gif": {
    ...mail,
    summary: "A picture of one pixel: the mail was opened",
    replies: { 200: null },
  },
  "GET /t/c/:token": {
    ...mail,
    summary: "To the address of a link",
    replies: { 302: null },
  },
  "GET /t/u/:token": {
    ...mail,
    summary: "The page to unsubscribe on",
    replies: { 200: null },
  },
  "POST /t/u/:token": {
    ...mail,
    summary: "Unsubscribe",
    description: "At once, as RFC 8058 has it; the body does not matter.",
    replies: { 200: null },
  },
  "GET /metrics": {
    ...health,
    summary: "What has been counted, as Prometheus reads it",
    replies: { 200: null },
  },
  "GET /api/admin/stats": {
    ...health,
    summary: "Figures for an overview",
    replies: { 200: ref("Stats") },
  },
};
