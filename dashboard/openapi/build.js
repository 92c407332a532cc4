// Puts the API's description together, OpenAPI 3.1, from the tables and from
// what is written by hand here.
//
// build.js FILE   writes it, and names the calls that nobody described

import { readFileSync, writeFileSync } from "node:fs";
import { calls, tags } from "./calls.js";
import { ref, schemas } from "./schemas.js";

const tables = JSON.parse(readFileSync(new URL("tables.json", import.meta.url)));
const problems = new Map(tables.problems.map((problem) => [problem.slug, problem]));

// what is served by directives of its own, beside the table of endpoints
const OTHERS = Object.entries(calls)
  .filter(([, { apart }]) => apart)
  .map(([key]) => {
    const [method, path] = key.split(" ");
    return { method, path, access: "PUBLIC", permission: null };
  });

function problemReply(...slugs) {
  return {
    description: slugs.map((slug) => problems.get(slug).title).join("; "),
    content: {
      "application/problem+json": {
        schema: ref("Problem"),
        examples: Object.fromEntries(slugs.map((slug) => {
          const { status, title, detail } = problems.get(slug);
          return [slug, {
            value: {
              type: `/docs#problem-${slug}`,
              title,
              status,
              detail,
              request_id: "01a20706-b579-700c-a3b3-0735a22423eb",
            },
          }];
        })),
      },
    },
  };
}

function replies(endpoint, call) {
  const all = {};
  for (const [status, schema] of Object.entries(call.replies ?? { 200: true })) {
    const types = ["application/json", ...(call.streams ?? [])];
    all[status] = {
      description: call.summary ?? "Done",
      headers: { "X-Request-Id": { $ref: "#/components/headers/RequestId" } },
      ...(schema !== null && {
        content: Object.fromEntries(types.map((type) => [
          type,
          { schema: type === "application/json" ? schema : { type: "string" } },
        ])),
      }),
    };
  }

  const add = (status, ...slugs) => {
    all[status] ??= problemReply(...slugs);
  };
  const takesJson = (endpoint.method === "POST" && !call.apart) || call.body;
  if (takesJson) {
    add(400, "not-json");
    add(413, "too-large");
    add(415, "media-type");
  }
  if (call.query) {
    add(400, "bad-query");
  }
  if (takesJson || call.query) {
    add(422, "field-invalid");
  }
  if (endpoint.access !== "PUBLIC") {
    add(401, "unauthenticated", "token-expired", "token-revoked");
  } else if (endpoint.path.startsWith("/api/auth/")) {
    add(401, "credentials-invalid");
  }
  if (endpoint.permission) {
    add(403, "permission-missing");
  } else if (endpoint.method !== "GET" && !call.apart) {
    add(403, "cross-site");
  }
  if (endpoint.path.includes(":") || call.unknown) {
    add(404, "not-found");
  }
  if (call.conflict) {
    add(409, "conflict");
  }
  if (call.throttled) {
    add(429, "throttled");
  }
  add(503, ...(call.away ?? ["database-away"]));
  return all;
}

function operation(endpoint) {
  const key = `${endpoint.method} ${endpoint.path}`;
  const call = calls[key] ?? { summary: key, tag: tags[0][0] };
  const names = [...endpoint.path.matchAll(/:(\w+)/g)].map(([, name]) => name);
  const needs = {
    PUBLIC: "Needs no token.",
    AUTHENTICATED: "Needs a token.",
    GRANTED: `Needs the permission \`${endpoint.permission}\`.`,
  }[endpoint.access];

  return {
    operationId: key.toLowerCase().replace(/[^a-z]+/g, "-"),
    tags: [call.tag],
    summary: call.summary,
    description: [call.description, needs].filter(Boolean).join("\n\n"),
    ...(endpoint.access === "PUBLIC" ? { security: [] } : {}),
    parameters: [
      ...names.map((name) => ({
        name, in: "path", required: true, schema: { type: "string" },
        description: call.params?.[name] ?? "Which one.",
      })),
      ...(call.query ?? []),
      ...(call.headers ?? []),
    ],
    ...(call.body && {
      requestBody: {
        required: !call.bodyOptional,
        content: {
          "application/json": { schema: call.body, example: call.example },
        },
      },
    }),
    responses: replies(endpoint, call),
  };
}

const paths = {};
for (const endpoint of [...tables.endpoints, ...OTHERS]) {
  const path = endpoint.path.replace(/:(\w+)/g, "{$1}");
  paths[path] ??= {};
  paths[path][endpoint.method.toLowerCase()] = operation(endpoint);
}

const description = {
  openapi: "3.1.0",
  info: {
    title: "Gateway",
    version: tables.version,
    license: { name: "BSD-2-Clause", identifier: "BSD-2-Clause" },
    description: [
      "The gateway's own API. Each answer carries `X-Request-Id`, the id of its event in the audit log.",
      "Errors are problem documents, `application/problem+json` (RFC 9457):",
      ...tables.problems.map(({ slug, status, title, detail }) =>
        `<a id="problem-${slug}"></a>**${status} ${title}** (\`${slug}\`): ${detail}`),
    ].join("\n\n"),
  },
  servers: [{ url: "/", description: "This gateway" }],
  security: [{ token: [] }, { cookie: [] }],
  tags: tags.map(([name, text]) => ({ name, description: text })),
  paths,
  components: {
    securitySchemes: {
      token: { type: "http", scheme: "bearer", bearerFormat: "JWT" },
      cookie: { type: "apiKey", in: "cookie", name: "__Host-leadgen" },
    },
    headers: {
      RequestId: {
        description: "The UUIDv7 of this request.",
        schema: { type: "string", format: "uuid" },
      },
    },
    schemas: schemas(tables),
  },
};

writeFileSync(process.argv[2], `${JSON.stringify(description, null, 1)}\n`);

const served = new Set(
  [...tables.endpoints, ...OTHERS].map(({ method, path }) => `${method} ${path}`),
);
for (const key of served) {
  if (!calls[key]) {
    console.error(`openapi/calls.js says nothing of ${key}`);
  }
}
for (const key of Object.keys(calls)) {
  if (!served.has(key)) {
    console.error(`openapi/calls.js: there is no ${key}`);
  }
}
