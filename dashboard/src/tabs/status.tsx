// How far a job has come, as a badge.

import { Badge } from "../parts/badge";
import type { Tone } from "../parts/badge";

const TONES: Record<string, Tone> = {
  succeeded: "good",
  failed: "bad",
  lost: "bad",
  retrying: "warn",
  started: "accent",
};

export function JobStatus({ status }: { status: string }) {
  return <Badge tone={TONES[status] ?? "neutral"}>{status}</Badge>;
}
