import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { ACCENT, NAME } from "./brand";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/panel.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
document.title = NAME;
document.documentElement.style.setProperty("--brand-light", ACCENT.light);
document.documentElement.style.setProperty("--brand-dark", ACCENT.dark);
createRoot(root).render(
  <StrictMode>
    <ErrorBoundary>
      <App />
    </ErrorBoundary>
  </StrictMode>,
);
