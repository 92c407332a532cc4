import { useState } from "react";
import type { ReactNode } from "react";
import { call } from "../api/client";
import { useSession } from "../api/session";
import { Button } from "../parts/button";
import { Form } from "../parts/dialog";
import { TextField } from "../parts/field";
import { texts } from "../texts";

function Card({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="grid min-h-screen place-items-center p-4">
      <div className="card w-full max-w-sm">
        <h1 className="mb-4 text-lg font-semibold">{title}</h1>
        {children}
      </div>
    </main>
  );
}

export function Login() {
  const { ended, logIn } = useSession();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const [forgotten, setForgotten] = useState(false);

  if (forgotten) {
    return <Forgotten email={email} onBack={() => setForgotten(false)} />;
  }
  return (
    <Card title={texts.logInTitle}>
      {ended && (
        <p role="status" className="mb-4 rounded-md bg-warn-soft p-3 text-warn">
          {texts.sessionEnded}
        </p>
      )}
      <Form
        submit={texts.logIn}
        onSubmit={() => logIn(email, password)}
        onDone={() => {}}
      >
        {(errorOf) => (
          <>
            <TextField
              label={texts.email}
              type="email"
              autoComplete="username"
              autoFocus
              value={email}
              onChange={setEmail}
              error={errorOf("email")}
            />
            <TextField
              label={texts.password}
              type="password"
              autoComplete="current-password"
              value={password}
              onChange={setPassword}
              error={errorOf("password")}
            />
          </>
        )}
      </Form>
      <Button look="quiet" className="mt-2" onClick={() => setForgotten(true)}>
        {texts.forgotten}
      </Button>
    </Card>
  );
}

function Forgotten({ email, onBack }: { email: string; onBack: () => void }) {
  const [address, setAddress] = useState(email);
  const [sent, setSent] = useState(false);

  return (
    <Card title={texts.forgottenTitle}>
      {sent ? (
        <p role="status">{texts.resetSent}</p>
      ) : (
        <Form
          submit={texts.sendLink}
          onSubmit={() =>
            call("POST", "/api/auth/password-reset", { body: { email: address } })
          }
          onDone={() => setSent(true)}
        >
          {(errorOf) => (
            <TextField
              label={texts.email}
              type="email"
              autoComplete="username"
              autoFocus
              value={address}
              onChange={setAddress}
              error={errorOf("email")}
            />
          )}
        </Form>
      )}
      <Button look="quiet" className="mt-2" onClick={onBack}>
        {texts.backToLogin}
      </Button>
    </Card>
  );
}

/** Where the link of a mail leads to. */
export function PasswordReset({
  token,
  onDone,
}: {
  token: string;
  onDone: () => void;
}) {
  const [password, setPassword] = useState("");
  const [set, setSet] = useState(false);

  return (
    <Card title={texts.resetTitle}>
      {set ? (
        <>
          <p role="status">{texts.passwordSet}</p>
          <Button look="primary" className="mt-4" onClick={onDone}>
            {texts.logIn}
          </Button>
        </>
      ) : (
        <Form
          submit={texts.setPassword}
          onSubmit={() =>
            call("POST", "/api/auth/password-reset/confirm", {
              body: { token, password },
            })
          }
          onDone={() => setSet(true)}
        >
          {(errorOf) => (
            <TextField
              label={texts.newPassword}
              type="password"
              autoComplete="new-password"
              autoFocus
              hint={texts.passwordHint}
              value={password}
              onChange={setPassword}
              error={errorOf("password") ?? errorOf("token")}
            />
          )}
        </Form>
      )}
    </Card>
  );
}
