import type { ButtonHTMLAttributes } from "react";

const LOOKS = {
  primary: "bg-accent text-on-accent border-accent hover:opacity-90",
  plain: "bg-surface text-ink border-line hover:bg-sunken",
  danger: "bg-surface text-bad border-bad hover:bg-bad-soft",
  quiet: "bg-transparent text-accent border-transparent hover:bg-sunken",
};

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  look?: keyof typeof LOOKS;
  busy?: boolean;
}

/** A button; while busy it takes no second click. */
export function Button({ look = "plain", busy, className, ...rest }: Props) {
  return (
    <button
      type="button"
      {...rest}
      disabled={rest.disabled || busy}
      aria-busy={busy || undefined}
      className={`inline-flex items-center justify-center gap-1.5 rounded-md border
        px-3 py-1.5 font-medium whitespace-nowrap disabled:cursor-not-allowed
        disabled:opacity-60 ${LOOKS[look]} ${className ?? ""}`}
    />
  );
}
