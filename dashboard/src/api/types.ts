// What the gateway's API answers: see /openapi.json.

import type { Action, Permission } from "../tables";

export interface Page<Item> {
  items: Item[];
  next_cursor: string | null;
}

export interface Me {
  user_id: number;
  email: string;
  role: string;
  permissions: Permission[];
}

export interface User {
  id: number;
  email: string;
  name: string;
  role: string;
  is_active: boolean;
  created_at: string;
  last_login: string | null;
}

export interface Login {
  id: string;
  created_at: string;
  expires_at: string;
  last_used_at: string;
  ip_address: string | null;
  user_agent: string | null;
}

export interface Role {
  name: string;
  permissions: Permission[];
  /** It stands in the database, and can be changed there. */
  custom?: boolean;
}

/** Which rule decided, and what it misses. */
export interface Judgement {
  reason: string | null;
  route: string | null;
  requires: string[];
  missing_permission: string | null;
  failed_condition: string | null;
  smallest_role: string | null;
}

/** What a policy that refuses nothing decided. */
export interface Shadow {
  route: string | null;
  decision: string;
  reason: string | null;
  missing_permission: string | null;
}

export interface Difference {
  method: string;
  route: string | null;
  decision: string;
  shadow: Shadow;
  count: number;
  first_seen: string;
  last_seen: string;
  request_id: string;
}

export interface Decision extends Judgement {
  method: string;
  path: string;
  decision: string;
  principal: { role: string | null } | null;
  shadow: Shadow | null;
}

export interface PolicyCheck extends Judgement {
  result: string;
  role: string | null;
}

export interface Verification {
  valid: boolean;
  checked: number;
  first_bad: {
    problem: string;
    sequence: number | null;
    id: string | null;
  } | null;
  next_cursor: string | null;
}

export interface Route {
  methods: string[];
  path: string;
  access: "public" | "authenticated" | "granted";
  permissions: Permission[];
  roles: string[];
  audit?: Action;
  file: string;
  line: number;
}

export interface Settings {
  version: string;
  nginx: string;
  settings: { directive: string; arguments: string; file: string; line: number }[];
}

export interface Routes {
  routes: Route[];
}

export interface Roles {
  roles: Role[];
  permissions: { name: Permission; category: string; description: string }[];
}

export interface AuditEvent {
  id: string;
  action: Action;
  user_id: number | null;
  user_email: string | null;
  resource_type: string | null;
  resource_id: string | null;
  details: Record<string, unknown>;
  ip_address: string | null;
  user_agent: string | null;
  timestamp: string;
  success: boolean | null;
  error_message: string | null;
}

/** How many events came after those that are shown. */
export interface News {
  count: number;
  more: boolean;
}

export interface AuditStats {
  total: number;
  success: number;
  failure: number;
  by_action: Partial<Record<Action, number>>;
  by_resource_type: Record<string, number>;
  top_users: { user_id: number; user_email: string; count: number }[];
  series: { bucket: string; total: number; failure: number }[];
}

export type Level = "healthy" | "degraded" | "unhealthy" | "not_configured";

export interface Capacity {
  total_gb: number;
  used_percent: number;
  status: string;
}

export interface Health {
  status: Level;
  timestamp: string;
  service: string;
  system: {
    cpu_percent: number;
    memory: Capacity & { available_gb: number };
    disk: Capacity & { free_gb: number };
  };
  services: Record<
    string,
    {
      status: Level;
      latency_ms?: number;
      checked_at?: string;
      since?: string;
      error?: string;
    }
  >;
}

export interface Gateway {
  host: string;
  configuration: string;
  version: string;
  nginx: string;
  policy_version: string;
  started_at: string;
  workers: number;
  spool_bytes: number;
  spool_limit_bytes: number;
  spool_oldest_seconds: number;
  revocation_lag_seconds: number;
  reported_at: string;
  is_silent: boolean;
}

export interface Gateways {
  gateways: Gateway[];
}

export type JobStatus = string;

export interface Job {
  id: string;
  task: string;
  queue: string;
  status: JobStatus;
  kwargs: Record<string, unknown>;
  eta: string | null;
  enqueued_at: string;
  started_at: string | null;
  finished_at: string | null;
  retries: number;
  result: unknown;
  error: string | null;
  traceback?: string | null;
  relayed_at?: string | null;
  worker?: string | null;
  progress?: { done: number; total: number } | null;
}

export interface Queues {
  queues: {
    name: string;
    waiting: number;
    pending: number;
    unacknowledged: number;
    scheduled: number;
    oldest_seconds: number | null;
    rate_per_minute: number;
  }[];
}

export interface Workers {
  workers: {
    hostname: string;
    status: "online" | "consuming_nothing" | "offline";
    active: number | null;
    last_heartbeat: string;
  }[];
}

export interface ScheduleEntry {
  name: string;
  task: string | null;
  function: string | null;
  kwargs: Record<string, unknown>;
  period: { every_seconds: number } | { daily_at: string };
  due_at: string;
  is_overdue: boolean;
  last_at: string | null;
  last_job: string | null;
  last_status: JobStatus | null;
}

export interface Schedule {
  schedule: ScheduleEntry[];
}

export interface Stats {
  users: {
    total: number;
    active: number;
    by_role: Record<string, { active: number; inactive: number }>;
  };
  jobs: { total: number; by_status: Record<string, number> };
  requests: { total: number };
  denials: number;
  errors: number;
  events: { appended: number; shipped: number; parked: number };
  uptime_seconds: number;
}
