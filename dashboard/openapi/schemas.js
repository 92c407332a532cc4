// Schemas of what the API takes and answers, in JSON Schema 2020-12.

const time = { type: "string", format: "date-time", examples: ["2026-11-23T06:11:33.120Z"] };
const uuid = { type: "string", format: "uuid", examples: ["01a20706-b579-700c-a3b3-0735a22423eb"] };
const nullable = (schema) => ({ ...schema, type: [schema.type, "null"] });

export const ref = (name) => ({ $ref: `#/components/schemas/${name}` });

/** An object with just these fields, all of them but the optional ones. */
export function object(properties, optional = []) {
  return {
    type: "object",
    properties,
    required: Object.keys(properties).filter((name) => !optional.includes(name)),
    additionalProperties: false,
  };
}

export const list = (item) => ({ type: "array", items: item });

/** A page of a list. */
export const page = (item) =>
  object({ items: list(item), next_cursor: { type: ["string", "null"] } });

const text = { type: "string" };
const count = { type: "integer", minimum: 0 };
const email = { type: "string", maxLength: 254, examples: ["ann@example.com"] };
const password = { type: "string", minLength: 8, maxLength: 128, format: "password" };

export const parts = { time, uuid, nullable, text, count, email, password };

/** The schemas by name; permissions, actions and problems come from tables. */
export function schemas({ permissions, actions, problems, tasks, queues }) {
  const level = {
    type: "string",
    enum: ["healthy", "degraded", "unhealthy", "not_configured"],
  };
  const percent = { type: "number", minimum: 0, maximum: 100 };
  const gigabytes = { type: "number", minimum: 0 };

  return {
    Problem: {
      type: "object",
      description: "Why a request was not served (RFC 9457).",
      properties: {
        type: {
          type: "string",
          enum: problems.map(({ slug }) => `/docs#problem-${slug}`),
        },
        title: text,
        status: { type: "integer", minimum: 400, maximum: 599 },
        detail: { ...text, description: "What to do about it." },
        request_id: uuid,
        required_permission: ref("Permission"),
        errors: list(object({ field: text, message: text })),
      },
      required: ["type", "title", "status", "detail", "request_id"],
    },
    Permission: { type: "string", enum: permissions.map(({ name }) => name) },
    Action: { type: "string", enum: actions.map(({ name }) => name) },
    User: object({
      id: { type: "integer", minimum: 1 },
      email,
      name: { type: "string", maxLength: 200 },
      role: { type: "string", examples: ["manager"] },
      is_active: { type: "boolean" },
      created_at: time,
      last_login: nullable(time),
    }),
    Tokens: object(
      {
        access_token: text,
        token_type: { enum: ["Bearer", "Cookie"] },
        expires_in: { type: "integer", description: "Seconds.", examples: [900] },
        refresh_token: text,
        user: ref("User"),
      },
      // a browser that asked for cookies gets none to see
      ["access_token", "refresh_token"],
    ),
    Session: object({
      id: uuid,
      created_at: time,
      expires_at: time,
      last_used_at: time,
      ip_address: { type: ["string", "null"] },
      user_agent: { type: ["string", "null"] },
    }),
    Role: {
      type: "object",
      properties: {
        name: text,
        permissions: list(ref("Permission")),
        custom: { type: "boolean", description: "It stands in the database." },
      },
      required: ["name", "permissions"],
    },
    Event: {
      type: "object",
      properties: {
        id: uuid,
        action: ref("Action"),
        user_id: { type: ["integer", "null"] },
        user_email: { type: ["string", "null"] },
        resource_type: { type: ["string", "null"] },
        resource_id: { type: ["string", "null"] },
        details: { type: "object" },
        ip_address: { type: ["string", "null"] },
        user_agent: { type: ["string", "null"] },
        timestamp: time,
        success: {
          type: ["boolean", "null"],
          description: "null: the outcome is unknown.",
        },
        error_message: { type: ["string", "null"] },
      },
      required: [
        "id", "action", "user_id", "user_email", "resource_type",
        "resource_id", "details", "ip_address", "user_agent", "timestamp",
        "success", "error_message",
      ],
    },
    AuditStats: {
      type: "object",
      properties: {
        total: count,
        success: count,
        failure: count,
        by_action: { type: "object", additionalProperties: count },
        by_resource_type: { type: "object", additionalProperties: count },
        top_users: list({
          type: "object",
          properties: {
            user_id: { type: "integer" },
            user_email: { type: ["string", "null"] },
            count,
          },
          required: ["user_id", "user_email", "count"],
        }),
        series: list(object({ bucket: time, total: count, failure: count })),
      },
      required: [
        "total", "success", "failure", "by_action", "by_resource_type",
        "top_users", "series",
      ],
    },
    Difference: {
      type: "object",
      properties: {
        method: text,
        route: nullable(text),
        decision: text,
        shadow: {
          type: "object",
          properties: {
            route: nullable(text),
            decision: { enum: ["allowed", "public", "denied", "unauthenticated"] },
            reason: nullable(text),
            missing_permission: nullable(text),
          },
          required: ["route", "decision", "reason", "missing_permission"],
        },
        count,
        first_seen: time,
        last_seen: time,
        request_id: uuid,
      },
      required: [
        "method", "route", "decision", "shadow", "count", "first_seen", "last_seen",
        "request_id",
      ],
    },
    Route: {
      type: "object",
      properties: {
        methods: list(text),
        path: text,
        access: { enum: ["public", "authenticated", "granted"] },
        permissions: list(ref("Permission")),
        roles: list(text),
        audit: ref("Action"),
        file: text,
        line: count,
      },
      required: ["methods", "path", "access", "permissions", "roles", "file", "line"],
    },
    Task: { type: "string", enum: tasks.map(({ name }) => name) },
    Queue: { type: "string", enum: queues },
    Job: {
      type: "object",
      properties: {
        id: uuid,
        task: text,
        queue: text,
        status: {
          enum: [
            "pending", "queued", "started", "retrying", "lost",
            "succeeded", "failed", "revoked", "expired",
          ],
        },
        kwargs: { type: "object" },
        eta: nullable(time),
        enqueued_at: time,
        started_at: nullable(time),
        finished_at: nullable(time),
        retries: count,
        result: true,
        error: { type: ["string", "null"] },
      },
      required: [
        "id", "task", "queue", "status", "kwargs", "eta", "enqueued_at",
        "started_at", "finished_at", "retries", "result", "error",
      ],
    },
    Health: {
      type: "object",
      properties: {
        status: level,
        timestamp: time,
        service: text,
        system: {
          type: "object",
          properties: {
            cpu_percent: percent,
            memory: {
              type: "object",
              properties: {
                total_gb: gigabytes,
                available_gb: gigabytes,
                used_percent: percent,
                status: text,
              },
              required: ["total_gb", "available_gb", "used_percent", "status"],
            },
            disk: {
              type: "object",
              properties: {
                total_gb: gigabytes,
                free_gb: gigabytes,
                used_percent: percent,
                status: text,
              },
              required: ["total_gb", "free_gb", "used_percent", "status"],
            },
          },
          required: ["cpu_percent", "memory", "disk"],
        },
        services: {
          type: "object",
          additionalProperties: {
            type: "object",
            properties: {
              status: level,
              latency_ms: { type: "number" },
              checked_at: time,
              since: {
                ...time,
                description: "When it became healthy, or ceased to be.",
              },
              error: text,
            },
            required: ["status"],
          },
        },
      },
      required: ["status", "timestamp", "service", "system", "services"],
    },
    ScheduleEntry: object({
      name: text,
      task: { type: ["string", "null"], description: "Null: it calls function." },
      function: { type: ["string", "null"], description: "Of the database's schema job." },
      kwargs: { type: "object" },
      period: {
        oneOf: [
          object({ every_seconds: count }),
          object({ daily_at: { type: "string", examples: ["02:30"] } }),
        ],
      },
      due_at: time,
      is_overdue: {
        type: "boolean",
        description: "It is a minute late, so that no beat is running.",
      },
      last_at: { oneOf: [time, { type: "null" }] },
      last_job: { oneOf: [uuid, { type: "null" }] },
      last_status: { type: ["string", "null"] },
    }),
    Gateway: object({
      host: text,
      configuration: { ...text, description: "The path of its nginx.conf." },
      version: text,
      nginx: text,
      policy_version: {
        ...text,
        description: "A digest of all routes and roles: gateways with the same one decide the same.",
      },
      started_at: time,
      workers: count,
      spool_bytes: count,
      spool_limit_bytes: { ...count, description: "0: it has no spool." },
      spool_oldest_seconds: {
        ...count,
        description: "Age of the oldest event that is not in PostgreSQL yet.",
      },
      revocation_lag_seconds: {
        ...count,
        description: "How long ago it last knew of all revocations.",
      },
      reported_at: time,
      is_silent: {
        type: "boolean",
        description: "Nothing was heard of it for 20 seconds.",
      },
    }),
    Readiness: object({
      status: { type: "string", enum: ["ready", "not_ready"] },
      checks: {
        type: "object",
        description: "By name: ok, or what is wrong.",
        additionalProperties: text,
      },
    }),
    Stats: object({
      users: object({
        total: count,
        active: count,
        inactive: count,
        by_role: {
          type: "object",
          additionalProperties: object({ active: count, inactive: count }),
        },
      }),
      jobs: object({
        total: count,
        by_status: { type: "object", additionalProperties: count },
        by_queue: {
          type: "object",
          additionalProperties: { type: "object", additionalProperties: count },
        },
      }),
      requests: object({
        total: count,
        allowed: count,
        public: count,
        denied: count,
        unauthenticated: count,
      }),
      denials: count,
      errors: { ...count, description: "Answers with a status from 500 on." },
      events: object({ appended: count, shipped: count, parked: count, refused: count }),
      uptime_seconds: count,
    }),
  };
}
