import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./App";
import { loadWords } from "./preferences/language";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/panel.css";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no #root");
void loadWords().then(() =>
  createRoot(root).render(
    <StrictMode>
      <ErrorBoundary>
        <App />
      </ErrorBoundary>
    </StrictMode>,
  ),
);
