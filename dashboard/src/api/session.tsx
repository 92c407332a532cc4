// Who is logged in, and what they may do.  The rules stand in the gateway: a
// page asks only whether a permission is in the list it got.

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState } from "react";
import type { ReactNode } from "react";
import type { Permission } from "../tables";
import { call, Problem, watchSession } from "./client";
import type { Me } from "./types";

interface Session {
  /** Undefined while it is not known, null when nobody is logged in. */
  me: Me | null | undefined;
  /** A session was there and has ended by itself. */
  ended: boolean;
  error: Error | null;
  may: (permission: Permission) => boolean;
  logIn: (email: string, password: string) => Promise<void>;
  logOut: (everywhere?: boolean) => Promise<void>;
}

// That somebody logged in here: who never did is not asked about.
const HINT = "leadgen-session";

const Context = createContext<Session | null>(null);

async function whoAmI() {
  if (!localStorage.getItem(HINT)) {
    return null;
  }
  try {
    return await call<Me>("GET", "/api/admin/permissions/me");
  } catch (error) {
    if (error instanceof Problem && error.status === 401) {
      return null;
    }
    throw error;
  }
}

export function SessionProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [ended, setEnded] = useState(false);
  const { data: me, error } = useQuery({
    queryKey: ["me"],
    queryFn: whoAmI,
    refetchInterval: (query) => (query.state.data ? 300_000 : false),
  });

  function forget(byItself: boolean) {
    const was = client.getQueryData<Me | null>(["me"]);
    localStorage.removeItem(HINT);
    setEnded(byItself && Boolean(was));
    client.setQueryData(["me"], null);
    client.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== "me" });
  }

  useEffect(() =>
    watchSession(
      () => forget(true),
      () => void client.invalidateQueries({ queryKey: ["me"] }),
    ),
  );

  const session: Session = {
    me,
    ended,
    error,
    may: (permission) => me?.permissions.includes(permission) ?? false,
    logIn: async (email, password) => {
      await call("POST", "/api/auth/login", {
        body: { email, password, cookie: true },
      });
      localStorage.setItem(HINT, "1");
      setEnded(false);
      await client.invalidateQueries();
    },
    logOut: async (everywhere = false) => {
      await call("POST", "/api/auth/logout", {
        body: everywhere ? { everywhere } : {},
      });
      forget(false);
    },
  };

  return <Context value={session}>{children}</Context>;
}

export function useSession() {
  const session = useContext(Context);
  if (!session) {
    throw new Error("useSession needs a SessionProvider");
  }
  return session;
}
