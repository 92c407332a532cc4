import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Router } from "wouter";
import { Problem } from "./api/client";
import { SessionProvider } from "./api/session";
import { App } from "./app";
import { applyTheme } from "./theme";
import "./styles.css";

applyTheme();

const client = new QueryClient({
  defaultOptions: {
    queries: {
      // a refusal stays one; what is away may come back
      retry: (count, error) =>
        count < 2 && !(error instanceof Problem && error.status < 500),
      staleTime: 2000,
    },
  },
});

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={client}>
      <SessionProvider>
        <Router base="/admin">
          <App />
        </Router>
      </SessionProvider>
    </QueryClientProvider>
  </StrictMode>,
);
