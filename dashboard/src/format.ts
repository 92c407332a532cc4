// Times, numbers and sizes as people read them, in the browser's language.

const LANGUAGE = undefined;
const number = new Intl.NumberFormat(LANGUAGE);
const short = new Intl.NumberFormat(LANGUAGE, { notation: "compact" });
const percent = new Intl.NumberFormat(LANGUAGE, { maximumFractionDigits: 1 });
const time = new Intl.DateTimeFormat(LANGUAGE, {
  dateStyle: "medium",
  timeStyle: "medium",
});
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

export const formatNumber = (value: number) => number.format(value);
export const formatShort = (value: number) => short.format(value);
export const formatPercent = (value: number) => `${percent.format(value)} %`;
export const formatTime = (value: string | number) =>
  time.format(new Date(value));

const AGENTS = [
  ["Firefox/", "Firefox"],
  ["Edg/", "Edge"],
  ["OPR/", "Opera"],
  ["Chrome/", "Chrome"],
  ["Safari/", "Safari"],
] as const;
const SYSTEMS = [
  ["Android", "Android"],
  ["iPhone", "iPhone"],
  ["iPad", "iPad"],
  ["Windows", "Windows"],
  ["Mac OS", "macOS"],
  ["Linux", "Linux"],
] as const;

/** A User-Agent as "Firefox, Linux"; one that is no browser's as it is. */
export function formatAgent(agent: string) {
  const found = [AGENTS, SYSTEMS].map(
    (names) => names.find(([sign]) => agent.includes(sign))?.[1],
  );
  return found[0] ? found.filter(Boolean).join(", ") : agent;
}

const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

/** Bytes as "12 KiB", "1.5 GiB". */
export function formatBytes(bytes: number) {
  const step = Math.min(
    Math.floor(Math.log2(Math.max(bytes, 1)) / 10),
    UNITS.length - 1,
  );
  return `${percent.format(bytes / 1024 ** step)} ${UNITS[step]}`;
}

/** The same moment in UTC, for who compares it with a log. */
export const formatUtc = (value: string | number) =>
  new Date(value).toISOString().replace("T", " ").replace("Z", " UTC");

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["second", 60],
  ["minute", 60],
  ["hour", 24],
  ["day", 30],
  ["month", 12],
  ["year", Infinity],
];

/** How long ago it was, or how long it is to come. */
export function formatAgo(value: string | number, now = Date.now()) {
  let amount = (new Date(value).getTime() - now) / 1000;
  for (const [unit, size] of STEPS) {
    if (Math.abs(amount) < size) {
      return relative.format(Math.round(amount), unit);
    }
    amount /= size;
  }
  return formatTime(value);
}

/** Seconds as "2 d 3 h", "4 min 5 s", "120 ms". */
export function formatDuration(seconds: number) {
  if (seconds < 1) {
    return `${Math.round(seconds * 1000)} ms`;
  }
  const parts: [number, string][] = [
    [Math.floor(seconds / 86400), "d"],
    [Math.floor(seconds / 3600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "min"],
    [Math.floor(seconds) % 60, "s"],
  ];
  const first = parts.findIndex(([amount]) => amount > 0);
  return parts
    .slice(first, first + 2)
    .filter(([amount]) => amount > 0)
    .map(([amount, unit]) => `${amount} ${unit}`)
    .join(" ");
}
