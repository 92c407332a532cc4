// A form for a job: its fields are those of the task's schema.

import { useState } from "react";
import { Form } from "../parts/dialog";
import { SelectField, TextField } from "../parts/field";
import { tasks } from "../tables";
import { texts } from "../texts";

interface NewJobBody {
  task: string;
  kwargs: Record<string, unknown>;
  countdown?: number;
}

interface Kwarg {
  name: string;
  type: string;
  required: boolean;
  choices: readonly string[];
}

// A text of a field as the JSON that the task takes; what can't be read goes
// as it is, and the gateway says what is wrong with it.
function valueOf({ type }: Kwarg, text: string): unknown {
  if (type === "INTEGER") {
    return /^-?\d+$/.test(text) ? Number(text) : text;
  }
  if (type === "INTEGERS") {
    return text
      .split(/[\s,]+/)
      .filter(Boolean)
      .map((part) => (/^-?\d+$/.test(part) ? Number(part) : part));
  }
  if (type === "OBJECTS") {
    try {
      return JSON.parse(text);
    } catch {
      return text;
    }
  }
  return text;
}

export function NewJob({
  onSubmit, onDone,
}: {
  onSubmit: (job: NewJobBody) => Promise<void>;
  onDone: () => void;
}) {
  const [name, setName] = useState<string>(tasks[0].name);
  const [values, setValues] = useState<Record<string, string>>({});
  const [countdown, setCountdown] = useState("");
  const task = tasks.find((each) => each.name === name) ?? tasks[0];
  const kwargs = task.kwargs as readonly Kwarg[];

  function send() {
    const given = kwargs.filter((kwarg) => values[kwarg.name]);
    return onSubmit({
      task: name,
      kwargs: Object.fromEntries(
        given.map((kwarg) => [kwarg.name, valueOf(kwarg, values[kwarg.name]!)]),
      ),
      ...(countdown && { countdown: Number(countdown) }),
    });
  }

  return (
    <Form submit={texts.enqueue} onSubmit={send} onDone={onDone}>
      {(errorOf) => (
        <>
          <SelectField
            label={texts.task}
            value={name}
            options={tasks.map((each) => [each.name, each.name] as const)}
            hint={task.description}
            onChange={(value) => {
              setName(value);
              setValues({});
            }}
            error={errorOf("task")}
          />
          {kwargs.map((kwarg) => {
            const field = {
              label: kwarg.required
                ? kwarg.name
                : `${kwarg.name} (${texts.optional})`,
              value: values[kwarg.name] ?? "",
              onChange: (value: string) =>
                setValues({ ...values, [kwarg.name]: value }),
              error: errorOf(`kwargs.${kwarg.name}`) ?? errorOf(kwarg.name),
            };
            return kwarg.choices.length > 0 ? (
              <SelectField
                key={kwarg.name}
                {...field}
                options={[
                  ["", "–"],
                  ...kwarg.choices.map((choice) => [choice, choice] as const),
                ]}
              />
            ) : (
              <TextField
                key={kwarg.name}
                {...field}
                type={kwarg.type === "DATE" ? "date" : "text"}
                hint={texts.types[kwarg.type as keyof typeof texts.types]}
              />
            );
          })}
          <TextField
            label={`${texts.countdown} (${texts.optional})`}
            type="number"
            min={0}
            value={countdown}
            onChange={setCountdown}
            error={errorOf("countdown")}
          />
        </>
      )}
    </Form>
  );
}
