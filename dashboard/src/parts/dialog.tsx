// Dialogs: the browser's own element keeps the focus inside, closes with
// Escape, and gives the focus back.

import { useEffect, useId, useRef, useState } from "react";
import type { FormEvent, ReactNode } from "react";
import { Problem } from "../api/client";
import type { FieldError } from "../api/client";
import { texts } from "../texts";
import { Button } from "./button";
import { TextField } from "./field";
import { Failed } from "./states";

interface DialogProps {
  title: string;
  wide?: boolean;
  onClose: () => void;
  children: ReactNode;
}

export function Dialog({ title, wide, onClose, children }: DialogProps) {
  const element = useRef<HTMLDialogElement>(null);
  const heading = useId();

  useEffect(() => {
    element.current?.showModal();
  }, []);

  return (
    <dialog
      ref={element}
      aria-labelledby={heading}
      onClose={onClose}
      onCancel={onClose}
      className={`w-full rounded-lg border border-line bg-surface p-0 text-ink
        shadow-xl ${wide ? "max-w-3xl" : "max-w-md"}`}
    >
      <div className="flex items-center justify-between border-b border-line px-4 py-3">
        <h2 id={heading} className="text-base font-semibold break-words">
          {title}
        </h2>
        <Button look="quiet" aria-label={texts.close} onClick={onClose}>
          ✕
        </Button>
      </div>
      <div className="p-4">{children}</div>
    </dialog>
  );
}

interface FormProps {
  submit: string;
  danger?: boolean;
  disabled?: boolean;
  onSubmit: () => Promise<unknown>;
  onDone: () => void;
  children: (errorOf: (field: string) => string | undefined) => ReactNode;
}

/** A form that knows its call's errors, field by field. */
export function Form({
  submit, danger, disabled, onSubmit, onDone, children,
}: FormProps) {
  const [error, setError] = useState<Error | null>(null);
  const [busy, setBusy] = useState(false);
  const fields = error instanceof Problem ? error.errors : [];
  const marked = new Set<string>();

  async function send(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    setError(null);
    try {
      await onSubmit();
      onDone();
    } catch (failure) {
      setError(failure as Error);
    } finally {
      setBusy(false);
    }
  }

  return (
    <form onSubmit={send} noValidate className="grid gap-4">
      {children((name) => {
        marked.add(name);
        return fields.find(({ field }) => field === name)?.message;
      })}
      {error &&
        (fields.length > 0 ? (
          <Marked others={fields.filter(({ field }) => !marked.has(field))} />
        ) : (
          <Failed error={error} />
        ))}
      <div className="flex justify-end">
        <Button
          type="submit"
          look={danger ? "danger" : "primary"}
          busy={busy}
          disabled={disabled ?? false}
        >
          {submit}
        </Button>
      </div>
    </form>
  );
}

/** Says that fields are marked; what has no field here is told in full. */
function Marked({ others }: { others: FieldError[] }) {
  return (
    <div role="alert" className="rounded-md bg-bad-soft p-3 text-bad">
      {others.length === 0
        ? texts.marked
        : others.map(({ field, message }) => (
            <p key={field}>
              {field}: {message}
            </p>
          ))}
    </div>
  );
}

interface ConfirmProps {
  title: string;
  text: string;
  /** What has to be typed, for what can't be undone. */
  name?: string;
  action: string;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

export function Confirm({
  title, text, name, action, onConfirm, onClose,
}: ConfirmProps) {
  const [typed, setTyped] = useState("");

  return (
    <Dialog title={title} onClose={onClose}>
      <Form
        submit={action}
        danger
        disabled={name !== undefined && typed !== name}
        onSubmit={onConfirm}
        onDone={onClose}
      >
        {() => (
          <>
            <p>{text}</p>
            {name !== undefined && (
              <TextField
                label={texts.typeToConfirm(name)}
                value={typed}
                onChange={setTyped}
                autoComplete="off"
              />
            )}
          </>
        )}
      </Form>
    </Dialog>
  );
}
