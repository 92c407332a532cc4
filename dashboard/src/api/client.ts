// Calls of the gateway's API.  The session lives in cookies that no script
// sees; an access token that has run out is renewed once, unnoticed.

export interface FieldError {
  field: string;
  message: string;
}

/** An answer that is no success: a problem document (RFC 9457). */
export class Problem extends Error {
  readonly status: number;
  readonly slug: string;
  readonly title: string;
  readonly requestId: string | null;
  readonly permission: string | null;
  readonly errors: FieldError[];
  readonly retryAfter: number | null;

  constructor(status: number, body: Record<string, unknown>, wait: string | null) {
    super(String(body.detail ?? `HTTP ${status}`));
    this.name = "Problem";
    this.status = status;
    this.slug = String(body.type ?? "").replace(/^.*#problem-/, "");
    this.title = String(body.title ?? "");
    this.requestId = (body.request_id as string | undefined) ?? null;
    this.permission = (body.required_permission as string | undefined) ?? null;
    this.errors = (body.errors as FieldError[] | undefined) ?? [];
    this.retryAfter = wait === null ? null : Number(wait);
  }
}

/** Nothing answered: the gateway or the way to it is away. */
export class Away extends Error {
  constructor() {
    super("away");
    this.name = "Away";
  }
}

type Method = "GET" | "POST" | "PUT" | "DELETE";

interface Options {
  body?: unknown;
  accept?: string;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** A status that is an answer like any other here. */
  alsoGood?: number;
}

let onSignedOut: () => void = () => {};
let onRenewed: () => void = () => {};

/**
 * Who is told when a session turns out to be over, or got a new access token:
 * after a change of role the old one is good for nothing.
 */
export function watchSession(signedOut: () => void, renewed: () => void) {
  onSignedOut = signedOut;
  onRenewed = renewed;
}

async function send(method: Method, path: string, options: Options) {
  try {
    return await fetch(path, {
      method,
      headers: {
        Accept: options.accept ?? "application/json",
        ...(options.body === undefined
          ? {}
          : { "Content-Type": "application/json" }),
        ...options.headers,
      },
      body: options.body === undefined ? null : JSON.stringify(options.body),
      signal: options.signal ?? null,
      redirect: "error",
    });
  } catch (error) {
    if (options.signal?.aborted && options.signal.reason?.name !== "TimeoutError") {
      throw error;
    }
    throw new Away();
  }
}

async function toProblem(response: Response) {
  let body: Record<string, unknown> = {};
  if (response.headers.get("Content-Type")?.includes("json")) {
    body = await response.json().catch(() => ({}));
  }
  return new Problem(response.status, body, response.headers.get("Retry-After"));
}

let refreshing: Promise<boolean> | null = null;

// One at a time, over all windows: each refresh token is good for one use.
function refresh(): Promise<boolean> {
  refreshing ??= navigator.locks
    .request("leadgen-refresh", async () => {
      const response = await send("POST", "/api/auth/refresh", { body: {} });
      if (response.status >= 500 || response.status === 429) {
        throw await toProblem(response);
      }
      if (response.ok) {
        onRenewed();
      }
      return response.ok;
    })
    .finally(() => {
      refreshing = null;
    });
  return refreshing;
}

/** The response of a call, a success; throws Problem or Away. */
export async function open(method: Method, path: string, options: Options = {}) {
  let response = await send(method, path, options);

  if (response.status === 401 && !path.startsWith("/api/auth/login")) {
    const problem = await toProblem(response);
    if (problem.slug === "credentials-invalid") {
      throw problem;
    }
    if (!(await refresh())) {
      onSignedOut();
      throw problem;
    }
    response = await send(method, path, options);
  }

  if (!response.ok && response.status !== options.alsoGood) {
    throw await toProblem(response);
  }
  return response;
}

/** The JSON of a call's answer, undefined where it has no body. */
export async function call<Answer>(
  method: Method,
  path: string,
  options: Options = {},
): Promise<Answer> {
  const response = await open(method, path, options);
  return response.status === 204
    ? (undefined as Answer)
    : ((await response.json()) as Answer);
}

/** A path with a query of what is set. */
export function withQuery(
  path: string,
  query: Record<string, string | number | undefined | null>,
) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") {
      search.set(name, String(value));
    }
  }
  const text = search.toString();
  return text ? `${path}?${text}` : path;
}
