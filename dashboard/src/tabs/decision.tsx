// Why a request was let through or refused, and what would become of one: the
// gateway's own answers, in words.

import { useState } from "react";
import { call } from "../api/client";
import { useLive } from "../api/live";
import { useSession } from "../api/session";
import type { Decision, Judgement, PolicyCheck, Shadow } from "../api/types";
import { Badge } from "../parts/badge";
import { Dialog, Form } from "../parts/dialog";
import { SelectField, TextField } from "../parts/field";
import { Row } from "../parts/row";
import { Answered } from "../parts/states";
import { texts } from "../texts";
import { useRoleOptions } from "./users";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

export function Verdict({ word }: { word: string }) {
  const tone = ["allowed", "public"].includes(word)
    ? "good"
    : ["denied", "unauthenticated"].includes(word)
      ? "bad"
      : "warn";
  return (
    <Badge tone={tone}>
      {(texts.verdicts as Record<string, string>)[word] ?? word}
    </Badge>
  );
}

function Reasons({ word, role, answer }: {
  word: string;
  role: string | null;
  answer: Judgement;
}) {
  return (
    <div role="status">
      <dl className="grid grid-cols-[8rem_minmax(0,1fr)] gap-y-1">
        <Row name={texts.verdict}>
          <Verdict word={word} /> {answer.reason}
        </Row>
        <Row name={texts.role}>{role ?? texts.nobody}</Row>
        <Row name={texts.route}>
          {answer.route ? <code>{answer.route}</code> : texts.noRoute}
        </Row>
        <Row name={texts.needs}>{answer.requires.join(", ") || "–"}</Row>
        {answer.missing_permission && (
          <Row name={texts.missing}>{answer.missing_permission}</Row>
        )}
        {answer.failed_condition && (
          <Row name={texts.failedCondition}>{answer.failed_condition}</Row>
        )}
        {answer.smallest_role && (
          <Row name={texts.smallestRole}>{answer.smallest_role}</Row>
        )}
      </dl>
    </div>
  );
}

/** The decision about one request that was made. */
export function Why({ id }: { id: string }) {
  const query = useLive<Decision>(
    `/api/admin/decisions/${encodeURIComponent(id)}`, 60_000,
  );
  return (
    <Answered query={query}>
      {(answer) => (
        <>
          <p className="mb-2">
            <code className="break-all">
              {answer.method} {answer.path}
            </code>
          </p>
          <Reasons
            word={answer.decision}
            role={answer.principal?.role ?? null}
            answer={answer}
          />
          {answer.shadow && <ShadowVerdict shadow={answer.shadow} />}
        </>
      )}
    </Answered>
  );
}

function ShadowVerdict({ shadow }: { shadow: Shadow }) {
  return (
    <dl className="mt-1 grid grid-cols-[8rem_minmax(0,1fr)] gap-y-1">
      <Row name={texts.shadow}>
        <Verdict word={shadow.decision} />{" "}
        {[shadow.reason, shadow.missing_permission].filter(Boolean).join(": ")}
      </Row>
    </dl>
  );
}

/** Asks for a request's id, as every refusal tells it. */
export function WhyDialog({ onClose }: { onClose: () => void }) {
  const [id, setId] = useState("");
  const [asked, setAsked] = useState("");

  return (
    <Dialog title={texts.whyDenied} onClose={onClose}>
      <Form
        submit={texts.explain}
        disabled={id.trim() === ""}
        onSubmit={async () => setAsked(id.trim())}
        onDone={() => {}}
      >
        {() => (
          <TextField
            label={texts.requestNumber}
            hint={texts.requestNumberHint}
            autoComplete="off"
            autoFocus
            value={id}
            onChange={setId}
          />
        )}
      </Form>
      {asked && <Why key={asked} id={asked} />}
    </Dialog>
  );
}

/** Asks what would become of a request, without making it. */
export function CheckDialog({ onClose }: { onClose: () => void }) {
  const { me, may } = useSession();
  const roles = useRoleOptions();
  const [question, setQuestion] = useState({
    method: "GET",
    path: "/api/",
    role: may("user:read") ? "user" : (me?.role ?? ""),
  });
  const [answer, setAnswer] = useState<PolicyCheck | null>(null);
  const set = (field: keyof typeof question) => (value: string) => {
    setQuestion({ ...question, [field]: value });
    setAnswer(null);
  };

  return (
    <Dialog title={texts.policyCheck} onClose={onClose}>
      <Form
        submit={texts.check}
        onSubmit={async () => {
          const { role, ...rest } = question;
          setAnswer(
            await call<PolicyCheck>("POST", "/api/admin/policy/check", {
              body: role ? question : rest,
            }),
          );
        }}
        onDone={() => {}}
      >
        {(errorOf) => (
          <>
            <SelectField
              label={texts.method}
              value={question.method}
              options={METHODS.map((name) => [name, name] as const)}
              onChange={set("method")}
              error={errorOf("method")}
            />
            <TextField
              label={texts.path}
              autoComplete="off"
              value={question.path}
              onChange={set("path")}
              error={errorOf("path")}
            />
            <SelectField
              label={texts.role}
              value={question.role}
              options={[...roles, ["", texts.withoutToken]]}
              onChange={set("role")}
              error={errorOf("role")}
            />
          </>
        )}
      </Form>
      {answer && (
        <Reasons word={answer.result} role={answer.role} answer={answer} />
      )}
    </Dialog>
  );
}
